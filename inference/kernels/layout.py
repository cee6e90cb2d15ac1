"""Memory layout of quantized weights, for packing and for every kernel that reads them.

Weights are cut into blocks of sixteen rows, one SIMD lane per row, and along the inputs into groups of 32. Each group
of each row has a scale of its own, in one byte. Weights are stored unsigned, with a zero point added:

    int8   [rows/16][groups][8 steps][16 rows][4]      value + 128; a step is four neighboring inputs
    int4   [rows/16][groups][4 steps][16 rows][4]      value + 8; low nibbles are the first half of the group's
                                                       inputs, high nibbles the second
    scales [rows/16][4 + groups][16 rows]              bytes; the first four rows of them are the origins, int32 [16]

Inputs and rows that only fill up a group or a block hold the zero point, which adds nothing.

A scale is a float32 of four bits of mantissa. Those of one row are within eight octaves, below which nothing of a row
counts beside the rest: three bits of exponent do. The row's origin is the least of its scales, as the word of a
float32, and what a byte adds to it are the lowest bits of the exponent and the upper ones of the mantissa:

    byte    s eee mmmm          float32    s EEEEEEEE mmmm0000000000000000000   =   origin + (eee mmmm << 19)

So a weight costs 8.25 or 4.25 bits: reading weights is what takes the time, and float16 would add 3 or 6 % of it. A
group with a NaN or inf weight gets an infinite scale, so its row's output is NaN.

Weights that were quantized elsewhere, to a scale and perhaps a minimum per group, keep these and their integers:

    int4   as above                                    value = scale * nibble + minimum; there is no zero point
    scales [rows/16][groups][2][16 rows]               float16: the scales of a group, then its minimums

Such a weight costs 5 bits. The minimums of a group are multiplied by the sum of its inputs, once for all of them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

LANES = 16
GROUP = 32
# Columns of activations in compiled code: whole groups, for quantized weights and others alike.
PADDING = GROUP
# The dtype of a packed matrix in memory says its precision, because numba has no float16, bfloat16 or int4.
STORAGE: dict[str, np.dtype[Any]] = {
    "float32": np.dtype(np.float32),
    "float16": np.dtype(np.int16),
    "bfloat16": np.dtype(np.uint16),
    "int8": np.dtype(np.uint8),
    "int4": np.dtype(np.int8),
}
LAYOUT_VERSION = 2
# Rows of bytes that the origins of sixteen rows' scales take.
ORIGIN_ROWS = 4
# Words of float32s: from a scale to the next, from the origin to the last; then those of any.
SCALE_SHIFT = 19
SCALE_STEP, SCALE_REACH = 1 << SCALE_SHIFT, 127 << SCALE_SHIFT
SIGN, LEAST_NORMAL, INFINITY = -(2**31), 1 << 23, 0x7F800000
# Positions per block of a cache: it grows by whole blocks, so that growing never copies what is there.
BLOCK = 256
# The largest value of an int4 group may be given the level -6, which clips it, or -8, which just holds it, or more,
# which wastes some levels: so many scales are tried, from the largest down, which gives it -10 with the last.
INT4_LEAST_REACH = 6.0
INT4_SCALES = 13


@dataclass(frozen=True)
class Packing:
    """A way to pack quantized weights.

    ``bits`` per weight; ``zero_point``: what is added to make them unsigned; ``minimums``: each group has one beside
    its scale, and no zero point.
    """

    bits: int
    zero_point: int
    minimums: bool = False

    @property
    def of_sum(self) -> int:
        """What the sum of a group's inputs is multiplied by: it takes the zero point back, or goes with the minimum."""
        return 1 if self.minimums else -self.zero_point

    @property
    def scale_dtype(self) -> np.dtype[Any]:
        """The dtype of scales, as drawn above."""
        return np.dtype(np.float16 if self.minimums else np.uint8)

    def shapes(self, outputs: int, inputs: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the shapes of the packed weights, uint8, and of their scales."""
        blocks, groups = -(-outputs // LANES), -(-inputs // GROUP)
        scales = (blocks, groups, 2, LANES) if self.minimums else (blocks, ORIGIN_ROWS + groups, LANES)
        return (blocks, groups, GROUP * self.bits // 32, LANES, 4), scales


INT8 = Packing(8, 128)
INT4 = Packing(4, 8)
INT4_MINIMUMS = Packing(4, 0, minimums=True)


def cache_bytes(kv_heads: int, head_dim: int, item: int) -> tuple[int, int, int]:
    """Bytes of one layer in a block of a tiled cache: its keys, its values, and the scales of both.

    ``item`` bytes hold a number; only numbers of one byte have scales: float32, one per position of a head, those of
    the keys before those of the values.
    """
    padded = -(-head_dim // LANES) * LANES
    positions = kv_heads * BLOCK
    return positions * head_dim * item, positions * padded * item, 2 * positions * 4 if item == 1 else 0


def aligned(shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """An array of zeros that begins at a cache line."""
    count = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.zeros(count + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + count].view(dtype).reshape(shape)
