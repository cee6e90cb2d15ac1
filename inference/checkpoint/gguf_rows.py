"""Rows of matrices as GGUF files store them: in blocks of quantized weights."""

from typing import Any

import numpy as np
import numpy.typing as npt
from gguf.constants import GGMLQuantizationType as Kind
from gguf.quants import Q4_K, dequantize

from inference.kernels.layout import GROUP
from inference.kernels.reference import Floats


class QuantizedRows:
    """A matrix in blocks of GGUF, its rows dequantized to float32 when they are asked for."""

    def __init__(
        self,
        rows: npt.NDArray[np.uint8],
        kind: Kind,
        shape: tuple[int, ...],
        order: npt.NDArray[np.int64] | None,
    ) -> None:
        """``rows``: uint8 [outputs, bytes]. ``order``: which of them each row is; None: each is its own."""
        self.shape = shape
        self.dtype = np.dtype(np.float32)
        self.kind = kind
        self._rows = rows
        self._order = order

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, indices: Any) -> Floats:
        """Return the rows at ``indices``, a slice or an array."""
        with np.errstate(all="ignore"):  # NaN and infinity propagate, as in float weights
            wide: Floats = dequantize(self.blocks(indices), self.kind)
        return wide.reshape(-1, self.shape[1])

    def blocks(self, indices: Any) -> npt.NDArray[np.uint8]:
        """Return the rows at ``indices`` as stored, uint8 [rows, bytes]."""
        found: npt.NDArray[np.uint8] = self._rows[indices if self._order is None else self._order[indices]]
        return np.ascontiguousarray(found)

    def groups(self, indices: slice) -> tuple[npt.NDArray[np.uint8], Floats, Floats]:
        """Return integers, scales and minimums as they are, for a type of four bits; see GroupedRows."""
        with np.errstate(all="ignore"):
            return _GROUPS[self.kind](self.blocks(indices))


def _groups_of_q4_0(blocks: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], Floats, Floats]:
    """A block of 32 weights: scale in float16, then the integers in our order, of which 8 stands for zero."""
    parts = blocks.reshape(len(blocks), -1, 2 + GROUP // 2)
    scales = _floats(parts[..., :2])[..., 0]
    return parts[..., 2:], scales, -8 * scales


def _groups_of_q4_1(blocks: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], Floats, Floats]:
    """A block of 32 weights: scale and minimum in float16, then the integers in our order."""
    parts = blocks.reshape(len(blocks), -1, 4 + GROUP // 2)
    numbers = _floats(parts[..., :4])
    return parts[..., 4:], numbers[..., 0], numbers[..., 1]


def _groups_of_q4_k(blocks: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], Floats, Floats]:
    """A block of eight groups: scales of the scales and of the minimums in float16, these in 6 bits, the integers.

    Each 32 bytes of these hold one group in the low nibbles, the next in the high ones.
    """
    rows, count = len(blocks), 8
    parts = blocks.reshape(rows, -1, 4 + 12 + count * GROUP // 2)
    of_scales, of_minimums = np.split(_floats(parts[..., :4]), 2, axis=-1)
    six_bits = np.ascontiguousarray(parts[..., 4:16]).reshape(-1, 12)
    scales, minimums = (part.reshape(rows, -1, count) for part in Q4_K.get_scale_min(six_bits))
    pairs = parts[..., 16:].reshape(rows, -1, 1, GROUP)
    integers = np.concatenate([pairs & np.uint8(15), pairs >> np.uint8(4)], axis=2).reshape(rows, -1, 2, GROUP // 2)
    packed = integers[..., 0, :] | (integers[..., 1, :] << np.uint8(4))
    return packed, (of_scales * scales).reshape(rows, -1), (-of_minimums * minimums).reshape(rows, -1)


def _floats(words: npt.NDArray[np.uint8]) -> Floats:
    return np.ascontiguousarray(words).view(np.float16).astype(np.float32)


_GROUPS = {Kind.Q4_0: _groups_of_q4_0, Kind.Q4_1: _groups_of_q4_1, Kind.Q4_K: _groups_of_q4_k}
