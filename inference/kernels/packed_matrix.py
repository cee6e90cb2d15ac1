"""Weight matrices packed for the compiled kernels: several that share their inputs as one, in any precision."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.kernels import reference
from inference.kernels.layout import GROUP, LANES, aligned
from inference.kernels.quantized_matrix import QuantisedMatrix
from inference.kernels.reference import Floats

# float16 and bfloat16 have no type of their own in numba: uint16 and int16 words tell them apart.
WORDS: dict[str, npt.DTypeLike] = {"float32": np.float32, "float16": np.uint16, "bfloat16": np.int16}


@dataclass(frozen=True)
class PackedMatrix:
    """``weights`` as ``product`` in layer.py takes them; ``starts``: the columns where the parts' outputs begin."""

    weights: npt.NDArray[Any]
    scales: npt.NDArray[np.uint8]
    bias: Floats
    starts: tuple[int, ...]

    @classmethod
    def pack(cls, parts: list[npt.NDArray[Any]], biases: list[Floats | None], precision: str) -> "PackedMatrix":
        """``parts`` [outputs, inputs] as stored, into float32, float16 or bfloat16, one under the other."""
        weights = np.concatenate([_words(part, precision) for part in parts])
        return cls(weights, np.zeros((0, 0, 0), np.uint8), *_places([len(part) for part in parts], biases))

    @classmethod
    def quantised(cls, matrix: QuantisedMatrix, outputs: list[int], biases: list[Floats | None]) -> "PackedMatrix":
        """``matrix``: parts with so many ``outputs``, stacked."""
        return cls(matrix.weights, matrix.scales, *_places(outputs, biases))


def _places(outputs: list[int], biases: list[Floats | None]) -> tuple[Floats, tuple[int, ...]]:
    """One bias for parts that each begin at a block of sixteen rows, empty if there is none, and where they begin."""
    counts = [-(-count // LANES) * LANES for count in outputs]
    starts = tuple(int(start) for start in np.cumsum([0, *counts[:-1]]))
    bias = np.zeros(sum(counts) if any(b is not None for b in biases) else 0, np.float32)
    for start, values in zip(starts, biases, strict=True):
        if values is not None:
            bias[start : start + len(values)] = values
    return bias, starts


def _words(stored: npt.NDArray[Any], precision: str) -> npt.NDArray[Any]:
    """[rows/16][K][16 rows], rows and inputs filled up with zeros."""
    outputs, inputs = stored.shape
    shape = (-(-outputs // LANES), -(-inputs // GROUP) * GROUP, LANES)
    packed = aligned(shape, WORDS[precision])
    for block in range(shape[0]):
        rows = reference.narrow(stored[block * LANES : (block + 1) * LANES], precision)
        packed[block, :inputs, : len(rows)] = rows.view(packed.dtype).T
    return packed
