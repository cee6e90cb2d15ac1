"""A weight matrix before it is packed."""

from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt


class Rows(Protocol):
    """A matrix [outputs, inputs] of float32, float16 or bfloat16 (uint16 words).

    An array, or one whose rows are made when they are asked for, because all at once would take too much memory.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, indices: Any, /) -> npt.NDArray[Any]:
        """Return the rows at ``indices``, a slice or an array."""


@runtime_checkable
class GroupedRows(Rows, Protocol):
    """A matrix that was quantized elsewhere to four bits, with a scale and a minimum per group."""

    def groups(self, indices: slice) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return integers, scales and minimums [rows, groups]; the integers as sixteen bytes per group.

        The low nibbles of these are its first half, the high ones its second.
        """
