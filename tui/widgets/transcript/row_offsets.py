"""Row offsets of items stacked vertically."""

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate


class Heights:
    """Prefix sums of row heights; updating the last is O(1), any other rebuilds lazily."""

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
        """First row of an item."""
        return self._ends()[index]

    def at(self, row: int) -> int:
        """Item at a row, clamped to the last one."""
        return min(bisect_right(self._ends(), max(0, row)), len(self._heights)) - 1

    def _ends(self) -> list[int]:
        """Start of each item, and the total."""
        if self._starts is None:
            self._starts = list(accumulate(self._heights, initial=0))
        return self._starts
