"""Runs a test on both backends; without numba, or with LLM_TUI_KERNELS=numpy, the jit half is skipped."""

import pytest

from inference import Model
from inference.kernels.backend import choose_backend

jit_only = pytest.mark.skipif(
    choose_backend() == "numpy", reason="the jit backend is off (LLM_TUI_KERNELS=numpy, or numba is not installed)"
)
BACKENDS = ["numpy", pytest.param("jit", marks=jit_only)]


def rounding(model: Model, numpy: float = 1e-4) -> float:
    """Largest difference between logits of the same ids that were fed in different pieces.

    BLAS sums in another order for each shape; the compiled kernels always sum in the same one.
    """
    return 0 if model.backend == "jit" else numpy
