"""Weight matrices in int8 or int4, packed as layout.py draws them, and their product in numpy."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference.kernels import reference
from inference.kernels.backend import Backend, Kernel, packing_kernel
from inference.kernels.layout import GROUP, LANES, ZERO_POINT, aligned, packed_shape
from inference.kernels.reference import Floats
from inference.kernels.rows import Rows

# Rows widened to float32 at a time while packing.
ROWS_AT_A_TIME = 64 * LANES


@dataclass(frozen=True)
class Form:
    """Metadata of a packed matrix: ``shape`` [outputs, inputs] as in the checkpoint, and ``bits`` per weight."""

    shape: tuple[int, int]
    bits: int

    @classmethod
    def stacked(cls, shapes: Sequence[tuple[int, ...]], bits: int) -> "Form":
        """Return the form of matrices with the same inputs stacked by rows, each starting at a block of LANES rows."""
        *firsts, (last, inputs) = shapes
        return cls((sum(-(-outputs // LANES) * LANES for outputs, _ in firsts) + last, inputs), bits)

    @property
    def nbytes(self) -> int:
        """Bytes of the weights followed by their scales, padded to whole cache lines."""
        weights, scales = packed_shape(*self.shape, self.bits)
        return -(-(math.prod(weights) + math.prod(scales)) // 64) * 64


@dataclass(frozen=True)
class QuantizedMatrix:
    """A packed matrix. ``buffer``: read-only uint8 [form.nbytes], the weights followed by their scales."""

    form: Form
    buffer: npt.NDArray[np.uint8]

    @classmethod
    def pack(cls, *parts: Rows, bits: int, backend: Backend) -> "QuantizedMatrix":
        """Quantize and stack ``parts`` by rows."""
        form = Form.stacked([part.shape for part in parts], bits)
        matrix = cls(form, aligned((form.nbytes,), np.uint8))
        weights, scales = matrix.weights, matrix.scales
        kernel = packing_kernel(backend, bits)
        for part in parts:
            blocks = -(-len(part) // LANES)
            _pack(part, kernel, weights[:blocks], scales[:blocks])
            weights, scales = weights[blocks:], scales[blocks:]
        # Read-only, as a memory-mapped file is: numba compiles another kernel for writable arrays.
        matrix.buffer.setflags(write=False)
        return matrix

    @property
    def weights(self) -> npt.NDArray[np.uint8]:
        shape, _ = packed_shape(*self.form.shape, self.form.bits)
        return self.buffer[: math.prod(shape)].reshape(shape)

    @property
    def scales(self) -> npt.NDArray[np.uint8]:
        weights, shape = packed_shape(*self.form.shape, self.form.bits)
        start = math.prod(weights)
        return self.buffer[start : start + math.prod(shape)].reshape(shape)

    def __call__(self, x: Floats) -> Floats:
        """Quantize ``x`` float32 [tokens, inputs] and multiply in numpy: float32 [tokens, outputs]."""
        weights, scales = self.weights, self.scales
        tokens, groups = len(x), weights.shape[1]
        padded = np.zeros((tokens, groups * GROUP), np.float32)
        padded[:, : self.form.shape[1]] = x
        quantized = np.empty(padded.shape, np.int8)
        x_scales, starts = np.empty((tokens, groups), np.float32), np.empty((tokens, groups), np.int32)
        reference.quantize_rows(padded, quantized, x_scales, starts, ZERO_POINT[self.form.bits])
        out = np.empty((tokens, len(weights) * LANES), np.float32)
        reference.matmul_quantized(weights, scales, quantized, x_scales, out, self.form.bits)
        return out[:, : self.form.shape[0]]

    def rows(self, indices: npt.NDArray[np.int64]) -> Floats:
        """Dequantize the rows at ``indices``: float32 [len(indices), inputs]."""
        blocks, lanes = np.divmod(indices, LANES)
        values = reference.unpack(self.weights[blocks, ..., lanes, :], self.form.bits)
        scales = reference.widen_scales(self.scales[blocks])[np.arange(len(indices)), lanes]
        return (values * scales[:, :, None]).reshape(len(indices), -1)[:, : self.form.shape[1]]


def _pack(stored: Rows, kernel: Kernel, weights: npt.NDArray[np.uint8], scales: npt.NDArray[np.uint8]) -> None:
    """Quantize ``stored`` into ``weights`` and ``scales``, a chunk of rows at a time."""
    outputs, inputs = stored.shape
    padded = np.zeros((min(ROWS_AT_A_TIME, len(weights) * LANES), weights.shape[1] * GROUP), np.float32)
    for start in range(0, outputs, ROWS_AT_A_TIME):
        part = reference.widen(stored[start : start + ROWS_AT_A_TIME])
        padded[: len(part), :inputs] = part
        padded[len(part) :] = 0
        blocks = slice(start // LANES, -(-(start + len(part)) // LANES))
        used = padded[: (blocks.stop - blocks.start) * LANES]
        kernel(used, weights[blocks], scales[blocks])
