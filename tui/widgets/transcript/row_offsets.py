"""The heights of things that stand below each other, and which one is at a row."""

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate


class Heights:
    """In rows. To change the last one costs nothing; another one, a pass over all when next asked where things are."""

    def __init__(self, heights: Iterable[int] = ()) -> None:
        self._heights = list(heights)
        self._starts: list[int] | None = None

    def __len__(self) -> int:
        return len(self._heights)

    def __getitem__(self, index: int) -> int:
        return self._heights[index]

    def __setitem__(self, index: int, height: int) -> None:
        if index == len(self._heights) - 1:
            self._ends()[-1] += height - self._heights[index]
        elif height != self._heights[index]:
            self._starts = None
        self._heights[index] = height

    @property
    def total(self) -> int:
        return self._ends()[-1]

    def start(self, index: int) -> int:
        """The first row of the thing."""
        return self._ends()[index]

    def at(self, row: int) -> int:
        """The thing at the row; behind the last row, the last one."""
        return min(bisect_right(self._ends(), max(0, row)), len(self._heights)) - 1

    def _ends(self) -> list[int]:
        """Where each begins, and at last where the last one ends."""
        if self._starts is None:
            self._starts = list(accumulate(self._heights, initial=0))
        return self._starts
