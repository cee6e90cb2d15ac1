"""A weight matrix before it is packed."""

from typing import Any, Protocol

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
