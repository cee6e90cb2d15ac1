"""Template notation for phrasings: (a|b) for alternatives, {name} for a line of that slot."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence

INNERMOST = re.compile(r"\(([^()]*)\)")
SLOT = re.compile(r"\{([a-z_]+)\}")

Slots = Mapping[str, Sequence[str]]


def lines(text: str) -> list[str]:
    """Non-empty lines of a block, one phrasing each."""
    return [line for line in text.splitlines() if line.strip()]


def one_of(phrasing: str, chance: random.Random, slots: Slots) -> str:
    """Expand a phrasing at random, with single spaces. Raises `KeyError` for an unknown slot."""
    text = phrasing
    while True:
        expanded = INNERMOST.sub(lambda group: chance.choice(group[1].split("|")), text)
        expanded = SLOT.sub(lambda slot: chance.choice(slots[slot[1]]), expanded)
        if expanded == text:
            return re.sub(r" +([,?!.]|$)", r"\1", " ".join(text.split()))
        text = expanded
