"""Weight matrices packed for the compiled kernels: several with the same inputs as one, in any precision."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from inference.kernels import reference
from inference.kernels.layout import GROUP, LANES, STORAGE, aligned
from inference.kernels.quantized_matrix import QuantizedMatrix
from inference.kernels.reference import Floats
from inference.kernels.rows import Rows

# Blocks of LANES rows that are packed between two checks.
BLOCKS_AT_A_TIME = 64


class PackedMatrix(NamedTuple):
    """A matrix as ``matmul`` in jit/matmul.py takes it.

    ``weights``: [rows/16][K][16 rows], or quantized as layout.py draws them; their dtype says which (STORAGE).
    ``scales``: those of quantized weights, float16 as int16, else empty. ``bias``: float32 [rows], or empty if there is
    none.
    """

    weights: npt.NDArray[Any]
    scales: npt.NDArray[Any]
    bias: Floats

    @classmethod
    def pack(
        cls,
        parts: Sequence[Rows],
        biases: list[Floats | None],
        precision: str,
        check: Callable[[], None] = lambda: None,
    ) -> "PackedMatrix":
        """Stack ``parts`` [outputs, inputs] by rows, in float32, float16 or bfloat16.

        ``check`` is called before each chunk of rows is read, and may raise.
        """
        weights = np.concatenate([_interleaved(part, precision, check) for part in parts])
        return cls(weights, np.zeros((0, 0, 0), np.uint8), _stacked([len(part) for part in parts], biases))

    @classmethod
    def quantized(cls, matrix: QuantizedMatrix, outputs: list[int], biases: list[Floats | None]) -> "PackedMatrix":
        """Wrap ``matrix``: parts with so many ``outputs``, stacked by rows."""
        packing, scales = matrix.form.packing, matrix.scales
        weights = matrix.weights.view(STORAGE[f"int{packing.bits}"])
        return cls(weights, scales.view(STORAGE["float16"]) if packing.minimums else scales, _stacked(outputs, biases))

    @classmethod
    def absent(cls) -> "PackedMatrix":
        """Return a matrix that is none: its weights have one dimension, so compiled code knows it by its type."""
        return cls(np.zeros(0, np.float32), np.zeros((0, 0, 0), np.uint8), np.zeros(0, np.float32))


def column_starts(outputs: Sequence[int]) -> tuple[int, ...]:
    """Return the columns where the outputs of stacked parts begin: each part starts a block of LANES rows."""
    counts = [-(-count // LANES) * LANES for count in outputs]
    return tuple(int(start) for start in np.cumsum([0, *counts]))


def _stacked(outputs: list[int], biases: list[Floats | None]) -> Floats:
    """Return one bias for stacked parts, empty if none of them has one."""
    if all(bias is None for bias in biases):
        return np.zeros(0, np.float32)
    *starts, size = column_starts(outputs)
    stacked = np.zeros(size, np.float32)
    for start, bias in zip(starts, biases, strict=True):
        if bias is not None:
            stacked[start : start + len(bias)] = bias
    return stacked


def _interleaved(stored: Rows, precision: str, check: Callable[[], None]) -> npt.NDArray[Any]:
    """Return [rows/16][K][16 rows], rows and inputs padded with zeros."""
    outputs, inputs = stored.shape
    shape = (-(-outputs // LANES), -(-inputs // GROUP) * GROUP, LANES)
    packed = aligned(shape, STORAGE[precision])
    for block in range(shape[0]):
        if block % BLOCKS_AT_A_TIME == 0:
            check()
        rows = reference.narrow(stored[block * LANES : (block + 1) * LANES], precision)
        packed[block, :inputs, : len(rows)] = rows.view(packed.dtype).T
    return packed
