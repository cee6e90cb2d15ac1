"""Finds titles by typed words, best matches first."""

from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")

# Ranks of a match, the best first: how the text begins, how its words begin, what it contains, how synonyms begin,
# letters in this order.
BEGINNING, WORDS, WITHIN, SYNONYM, LETTERS = range(5)


def matching(
    items: Iterable[T], typed: str, text: Callable[[T], str], synonyms: Callable[[T], str] = lambda item: ""
) -> list[tuple[int, T]]:
    """Ranks and items whose ``text`` or ``synonyms`` match, best first, else in their order.

    Letters in order count only if nothing contains the words.
    """
    wanted = " ".join(typed.casefold().split())
    ranked = [(rank, item) for item in items if (rank := match_rank(text(item), wanted, synonyms(item))) is not None]
    ranked.sort(key=lambda pair: pair[0])
    return [pair for pair in ranked if pair[0] < LETTERS] or ranked


def match_rank(text: str, wanted: str, synonyms: str = "") -> int | None:
    """Rank of a text for casefolded words; None without a match."""
    text, words = text.casefold(), wanted.split()
    if text.startswith(wanted):
        return BEGINNING
    if all(word in text for word in words):
        return WORDS if _begin(words, text) else WITHIN
    if _begin(words, f"{text} {synonyms}"):
        return SYNONYM
    letters = iter(text)
    return LETTERS if all(letter in letters for letter in "".join(words)) else None


def _begin(words: list[str], text: str) -> bool:
    begun = _words(text)
    return all(any(each.startswith(word) for each in begun) for word in words)


def _words(text: str) -> list[str]:
    return "".join(char if char.isalnum() else " " for char in text).split()
