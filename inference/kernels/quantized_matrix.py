"""Weight matrices in int8 or int4, packed as layout.py draws them, and their product in numpy."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.kernels import reference
from inference.kernels.backend import Backend, Kernel, packing_kernel
from inference.kernels.layout import GROUP, LANES, Packing, aligned
from inference.kernels.reference import Floats
from inference.kernels.rows import GroupedRows, Rows

# Rows widened to float32 at a time while packing.
ROWS_AT_A_TIME = 64 * LANES


@dataclass(frozen=True)
class Form:
    """Metadata of a packed matrix: ``shape`` [outputs, inputs] as in the checkpoint, and how it is packed."""

    shape: tuple[int, int]
    packing: Packing

    @classmethod
    def stacked(cls, shapes: Sequence[tuple[int, ...]], packing: Packing) -> "Form":
        """Return the form of matrices with the same inputs stacked by rows, each starting at a block of LANES rows."""
        *firsts, (last, inputs) = shapes
        return cls((sum(-(-outputs // LANES) * LANES for outputs, _ in firsts) + last, inputs), packing)

    @property
    def nbytes(self) -> int:
        """Bytes of the weights followed by their scales, padded to whole cache lines."""
        weights, scales = self.packing.shapes(*self.shape)
        size = math.prod(weights) + math.prod(scales) * self.packing.scale_dtype.itemsize
        return -(-size // 64) * 64


@dataclass(frozen=True)
class QuantizedMatrix:
    """A packed matrix. ``buffer``: read-only uint8 [form.nbytes], the weights followed by their scales."""

    form: Form
    buffer: npt.NDArray[np.uint8]

    @classmethod
    def pack(
        cls, *parts: Rows, packing: Packing, backend: Backend, check: Callable[[], None] = lambda: None
    ) -> "QuantizedMatrix":
        """Quantize and stack ``parts`` by rows. With minimums they are GroupedRows, whose integers are kept.

        ``check`` is called before each chunk of rows is read, and may raise.
        """
        form = Form.stacked([part.shape for part in parts], packing)
        matrix = cls(form, aligned((form.nbytes,), np.uint8))
        weights, scales = matrix.weights, matrix.scales
        for part in parts:
            blocks = -(-len(part) // LANES)
            if packing.minimums:
                assert isinstance(part, GroupedRows)
                _pack_groups(part, weights[:blocks], scales[:blocks], check)
            else:
                _pack(part, packing_kernel(backend, packing), weights[:blocks], scales[:blocks], check)
            weights, scales = weights[blocks:], scales[blocks:]
        # Read-only, as a memory-mapped file is: numba compiles another kernel for writable arrays.
        matrix.buffer.setflags(write=False)
        return matrix

    @property
    def weights(self) -> npt.NDArray[np.uint8]:
        shape, _ = self.form.packing.shapes(*self.form.shape)
        return self.buffer[: math.prod(shape)].reshape(shape)

    @property
    def scales(self) -> npt.NDArray[Any]:
        packing = self.form.packing
        weights, shape = packing.shapes(*self.form.shape)
        start = math.prod(weights)
        stop = start + math.prod(shape) * packing.scale_dtype.itemsize
        return self.buffer[start:stop].view(packing.scale_dtype).reshape(shape)

    def parts(self, shapes: Sequence[tuple[int, ...]]) -> "list[QuantizedMatrix]":
        """Return the matrices of these shapes [outputs, inputs] that this one stacks by rows, as views."""
        parts: list[QuantizedMatrix] = []
        first = 0
        for outputs, inputs in shapes:
            last = first + -(-outputs // LANES)
            form = Form((outputs, inputs), self.form.packing)
            parts.append(self if len(shapes) == 1 else _Part(form, self.buffer, self, slice(first, last)))
            first = last
        return parts

    @property
    def finite(self) -> bool:
        """False if a weight was NaN or infinite: its group has such a scale."""
        return all(bool(np.isfinite(part).all()) for part in reference.widen_scales(self.scales))

    def __call__(self, x: Floats) -> Floats:
        """Quantize ``x`` float32 [tokens, inputs] and multiply in numpy: float32 [tokens, outputs]."""
        weights, scales = self.weights, self.scales
        tokens, groups = len(x), weights.shape[1]
        padded = np.zeros((tokens, groups * GROUP), np.float32)
        padded[:, : self.form.shape[1]] = x
        quantized = np.empty(padded.shape, np.int8)
        x_scales, sums = np.empty((tokens, groups), np.float32), np.empty((tokens, groups), np.int32)
        reference.quantize_rows(padded, quantized, x_scales, sums, self.form.packing.of_sum)
        out = np.empty((tokens, len(weights) * LANES), np.float32)
        reference.matmul_quantized(weights, scales, quantized, x_scales, out, self.form.packing)
        return out[:, : self.form.shape[0]]

    def rows(self, indices: npt.NDArray[np.int64]) -> Floats:
        """Dequantize the rows at ``indices``: float32 [len(indices), inputs]."""
        blocks, lanes = np.divmod(indices, LANES)
        values = reference.unpack(self.weights[blocks, ..., lanes, :], self.form.packing)
        scales, minimums = (
            part[np.arange(len(indices)), lanes] for part in reference.widen_scales(self.scales[blocks])
        )
        wide = values * scales[:, :, None] + minimums[:, :, None]
        return wide.reshape(len(indices), -1)[:, : self.form.shape[1]]


@dataclass(frozen=True)
class _Part(QuantizedMatrix):
    """Some ``blocks`` of sixteen rows of a ``whole`` matrix, in its buffer."""

    whole: QuantizedMatrix
    blocks: slice

    @property
    def weights(self) -> npt.NDArray[np.uint8]:
        return self.whole.weights[self.blocks]

    @property
    def scales(self) -> npt.NDArray[Any]:
        return self.whole.scales[self.blocks]


def _pack(
    stored: Rows,
    kernel: Kernel,
    weights: npt.NDArray[np.uint8],
    scales: npt.NDArray[np.uint8],
    check: Callable[[], None],
) -> None:
    """Quantize ``stored`` into ``weights`` and ``scales``, a chunk of rows at a time."""
    outputs, inputs = stored.shape
    padded = np.zeros((min(ROWS_AT_A_TIME, len(weights) * LANES), weights.shape[1] * GROUP), np.float32)
    for start in range(0, outputs, ROWS_AT_A_TIME):
        check()
        part = reference.widen(stored[start : start + ROWS_AT_A_TIME])
        padded[: len(part), :inputs] = part
        padded[len(part) :] = 0
        blocks = slice(start // LANES, -(-(start + len(part)) // LANES))
        used = padded[: (blocks.stop - blocks.start) * LANES]
        kernel(used, weights[blocks], scales[blocks])


def _pack_groups(
    stored: GroupedRows,
    weights: npt.NDArray[np.uint8],
    scales: npt.NDArray[np.float16],
    check: Callable[[], None],
) -> None:
    """Pack ``stored`` into ``weights`` and ``scales`` as it is, a chunk of rows at a time."""
    for start in range(0, len(stored), ROWS_AT_A_TIME):
        blocks = slice(start // LANES, start // LANES + ROWS_AT_A_TIME // LANES)
        check()
        parts = stored.groups(slice(start, start + ROWS_AT_A_TIME))
        reference.pack_groups(*parts, weights[blocks], scales[blocks])
