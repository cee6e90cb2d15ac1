"""How much of a prompt is read in a step beside replies, so that these keep half of their speed.

As in Sarathi-Serve (arXiv 2403.02310) a prompt is read in pieces, each in a pass that gives every reply its next token.
How large a piece may be follows from what passes take on this machine.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

# Times what a step takes without a prompt.
SLOWER = 1.8
# Tokens of the first piece, and the fewest: a prompt always goes on.
FIRST, FEWEST = 8, 4
# Rows are computed in tiles: one more than so many may cost as much as so many more.
TILE = 8
# Share of the newest step in what is known.
NEWEST = 0.3


@dataclass
class Timing:
    """Of one model. ``alone``: seconds of a step by the number of replies in it. ``each``: those of a prompt's token
    beside them. ``piece``: tokens of the last piece.
    """

    alone: dict[int, float] = field(default_factory=dict)
    each: float | None = None
    piece: int = FIRST


class Pace:
    """Learns from each step; it belongs to the engine's thread."""

    def __init__(self) -> None:
        self._timings: WeakKeyDictionary[Hashable, Timing] = WeakKeyDictionary()

    def piece(self, model: Hashable, replies: int, most: int) -> int:
        """Tokens of a prompt, at most ``most``, to read beside so many replies.

        0 while it is not known what a step of theirs takes: this one tells.
        """
        timing = self._timings.setdefault(model, Timing())
        if replies not in timing.alone:
            return 0
        if timing.each is None:
            return min(FIRST, most)
        affordable = min(int((SLOWER - 1) * timing.alone[replies] / timing.each), 2 * timing.piece)
        return min(max(FEWEST, affordable // TILE * TILE), most)

    def took(self, model: Hashable, replies: int, read: int, seconds: float) -> None:
        """Learn from a step with a token for each of ``replies`` and ``read`` tokens of a prompt."""
        timing = self._timings.setdefault(model, Timing())
        if not replies:
            return
        alone = timing.alone.get(replies)
        if not read:
            timing.alone[replies] = seconds if alone is None else alone + NEWEST * (seconds - alone)
        elif alone is not None:
            each = max(seconds - alone, 0.1 * alone) / read
            timing.each = each if timing.each is None else timing.each + NEWEST * (each - timing.each)
            timing.piece = read
