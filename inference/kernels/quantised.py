"""A weight matrix in int8 or int4, packed for the kernels, and its product with activations quantised on the way."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.kernels import choice, reference
from inference.kernels.layout import GROUP, LANES, ZERO_POINT, aligned, packed_shape
from inference.kernels.reference import Floats

# Rows widened to float32 at a time while packing.
ROWS_AT_A_TIME = 64 * LANES


@dataclass(frozen=True)
class QuantisedMatrix:
    """``shape`` [outputs, inputs] as in the checkpoint; ``weights`` and ``scales`` as layout.py draws them."""

    bits: int
    shape: tuple[int, int]
    weights: npt.NDArray[np.uint8]
    scales: npt.NDArray[np.uint16]

    @classmethod
    def pack(cls, stored: npt.NDArray[Any], bits: int) -> "QuantisedMatrix":
        """``stored`` [outputs, inputs] float32, float16 or bfloat16 (uint16 words)."""
        outputs, inputs = stored.shape
        weights_shape, scales_shape = packed_shape(outputs, inputs, bits)
        weights, scales = aligned(weights_shape, np.uint8), aligned(scales_shape, np.uint16)
        padded = np.zeros((ROWS_AT_A_TIME, scales_shape[1] * GROUP), np.float32)
        for start in range(0, outputs, ROWS_AT_A_TIME):
            part = reference.widen(stored[start : start + ROWS_AT_A_TIME])
            padded[: len(part), :inputs] = part
            padded[len(part) :] = 0
            blocks = slice(start // LANES, -(-(start + len(part)) // LANES))
            used = padded[: (blocks.stop - blocks.start) * LANES]
            choice.pack(bits)(used, weights[blocks], scales[blocks])
        return cls(bits, (outputs, inputs), weights, scales)

    @property
    def nbytes(self) -> int:
        return self.weights.nbytes + self.scales.nbytes

    def __call__(self, x: Floats) -> Floats:
        """``x`` [tokens, inputs] float32: [tokens, outputs] float32."""
        tokens, groups = len(x), self.scales.shape[1]
        padded = np.zeros((tokens, groups * GROUP), np.float32)
        padded[:, : self.shape[1]] = x
        quantised = np.empty(padded.shape, np.int8)
        x_scales, starts = np.empty((tokens, groups), np.float32), np.empty((tokens, groups), np.int32)
        choice.quantise_rows(padded, quantised, x_scales, starts, ZERO_POINT[self.bits])
        out = np.empty((tokens, len(self.weights) * LANES), np.float32)
        choice.matmul(self.bits)(self.weights, self.scales, quantised, x_scales, starts, out)
        return out[:, : self.shape[0]]

    def rows(self, indices: npt.NDArray[np.int64]) -> Floats:
        """The rows at ``indices`` in float32, [len(indices), inputs]."""
        blocks, lanes = np.divmod(indices, LANES)
        values = reference.unpack(self.weights[blocks, ..., lanes, :], self.bits)
        scales = self.scales.view(np.float16)[blocks, :, lanes].astype(np.float32)
        return (values * scales[:, :, None]).reshape(len(indices), -1)[:, : self.shape[1]]
