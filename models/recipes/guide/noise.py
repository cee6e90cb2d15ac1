"""Typing noise: missing capitals and punctuation, typos."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence

NEIGHBOURS = {
    "a": "sq", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj", "i": "uo", "j": "hk",
    "k": "jl", "l": "k", "m": "n", "n": "bm", "o": "ip", "p": "o", "q": "w", "r": "et", "s": "ad", "t": "ry",
    "u": "yi", "v": "cb", "w": "qe", "x": "zc", "y": "tu", "z": "x",
}  # fmt: skip
SHORT = {"you": "u", "please": "pls", "are": "r", "message": "msg", "because": "cuz", "what is": "whats", "I'm": "im"}
# Keys, commands, options and paths are unchanged.
WORD = re.compile(r"(?<![\w/$.+~-])[A-Za-z]{4,}(?![\w/+.=]|-\w)")
PLAIN = re.compile(r"(?<![\w/$.+~`-])[a-z]+(?![\w/+.=`]|-\w)")
SLIPS, QUESTION, REWORDED = 0.1, 0.7, 0.15


def typed(text: str, chance: random.Random) -> str:
    """Add typing noise: optional question mark and capitals, occasional typos."""
    text = re.sub(r"\bi\b", "I", text) if chance.random() < 0.5 else text
    style = chance.random()
    if style < 0.3:
        text = text[:1].upper() + text[1:]
    elif style < 0.5:
        # Y and y are two keys: single letters keep their case.
        text = re.sub(r"\b(?:\w{2,}|I)\b(?!\+)", lambda word: word[0].lower(), text)
    if chance.random() < 0.06:
        text = text.replace("'", "")
    if chance.random() < 0.04:
        for long, short in SHORT.items():
            text = re.sub(rf"\b{re.escape(long)}\b", short, text)
    while chance.random() < SLIPS:
        text = _slip(text, chance)
    return text


def reworded(text: str, chance: random.Random, synonyms: Mapping[str, Sequence[str]]) -> str:
    """Replace some words by synonyms."""

    def other(word: re.Match[str]) -> str:
        words = synonyms.get(word[0])
        return chance.choice(words) if words and chance.random() < REWORDED else word[0]

    return PLAIN.sub(other, text)


def closed(text: str, chance: random.Random, question: bool) -> str:
    """Add a random end mark."""
    if text[-1:] in ".!?":
        return text
    mark = "?" if question else "."
    return text + (mark if chance.random() < QUESTION else chance.choice(["", "", "", "", "??", "!", " ?"]))


def _slip(text: str, chance: random.Random) -> str:
    words = list(WORD.finditer(text))
    if not words:
        return text
    word = chance.choice(words)
    at = chance.randrange(word.start(), word.end() - 1)
    letter, rest = text[at], text[at + 1 :]
    kind = chance.randrange(4)
    if kind == 0:
        return text[:at] + rest
    if kind == 1:
        return text[:at] + letter + letter + rest
    if kind == 2:
        return text[:at] + rest[:1] + letter + rest[1:]
    return text[:at] + chance.choice(NEIGHBOURS.get(letter.lower(), letter)) + rest
