"""Decides whether a reply is right: it contains an accepted answer or, where there is none, declines."""

import re
import unicodedata

from tui.documents.questions import Question

# A number with its decimal point is one word, and so are letters, digits and underscores.
_WORD = re.compile(r"\d+(?:\.\d+)+|\w+")
_CITATION = re.compile(r"\[\d+\]")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")
# Beginnings of words that follow "not" where the answer is not known: "does not mention", "is not explicitly stated".
_NOT_TOLD = """mention say state specif provid contain includ give answer know have find found tell told sure available
    clear listed there"""
_DECLINES = re.compile(
    rf"\bnot (?:\w+ ){{0,2}}?(?:{'|'.join(_NOT_TOLD.split())}|in (?:the|these|those|any) )"
    r"|\bno (?:\w+ )?(?:information|mention|answer|details?)\b|\b(?:unknown|unclear|unable)\b"
)


def is_right(reply: str, question: Question) -> bool:
    """True if the words of an accepted answer stand in the reply, next to each other and in their order.

    Case, punctuation and numbers of passages such as [1] do not count. A reply that also says wrong things is right all
    the same.
    """
    if not question.answers:
        return declines(reply)
    words = f" {' '.join(_words(_CITATION.sub(' ', reply)))} "
    return any(f" {' '.join(answer)} " in words for answer in map(_words, question.answers) if answer)


def declines(reply: str) -> bool:
    """True if the reply says anywhere that the answer is not known or not there."""
    negated = re.sub(r"n['’]t\b", " not", reply.replace("annot", "an not"))
    return bool(_DECLINES.search(" ".join(_words(negated))))


def _words(text: str) -> list[str]:
    return _WORD.findall(_THOUSANDS.sub("", unicodedata.normalize("NFKC", text).casefold()))
