"""How quantised weights lie in memory, for the packing and for every kernel that reads them.

Weights are cut into blocks of sixteen rows, one SIMD lane per row, and along the inputs into groups of 32. Each group
of each row has a scale of its own, in float16. Weights are stored unsigned, with a zero point added:

    int8   [rows/16][groups][8 steps][16 rows][4]      value + 128; a step is four neighbouring inputs
    int4   [rows/16][groups][4 steps][16 rows][4]      value + 8; low nibbles are the first half of the group's
                                                       inputs, high nibbles the second
    scales [rows/16][groups][16 rows]                  float16, as uint16 words

Inputs and rows that only fill up a group or a block hold the zero point, which adds nothing.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

LANES = 16
GROUP = 32
ZERO_POINT = {8: 128, 4: 8}
LAYOUT_VERSION = 1
# Positions per block of a cache: it grows by whole blocks, so that growing never copies what is there.
BLOCK = 256
# Levels that the largest value of an int4 group may be given: -8 just holds it, less clips it, more wastes some.
INT4_REACHES = (8.0, *(6.0 + 4.0 * step / 23 for step in range(1, 24)))


def packed_shape(outputs: int, inputs: int, bits: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The shapes of the packed weights and of their scales."""
    blocks, groups = -(-outputs // LANES), -(-inputs // GROUP)
    return (blocks, groups, GROUP * bits // 32, LANES, 4), (blocks, groups, LANES)


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
