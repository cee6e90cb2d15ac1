"""A small notation for many phrasings: (a|b) is one of its alternatives, {name} a line of the slot of that name."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence

INNERMOST = re.compile(r"\(([^()]*)\)")
SLOT = re.compile(r"\{([a-z_]+)\}")

Slots = Mapping[str, Sequence[str]]


def lines(text: str) -> list[str]:
    """The phrasings of a block, one a line."""
    return [line for line in text.splitlines() if line.strip()]


def one_of(phrasing: str, chance: random.Random, slots: Slots) -> str:
    """One expansion, drawn at random, single spaced. Raises `KeyError` for a slot that is not there."""
    text = phrasing
    while True:
        expanded = INNERMOST.sub(lambda group: chance.choice(group[1].split("|")), text)
        expanded = SLOT.sub(lambda slot: chance.choice(slots[slot[1]]), expanded)
        if expanded == text:
            return re.sub(r" +([,?!.]|$)", r"\1", " ".join(text.split()))
        text = expanded
