"""Instruction sets that kernels are generated for, and the one in use.

To add an instruction set, add an entry to TARGETS: the code generators ask ``target()`` for all that differs.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llvmlite import binding
from numba import config

from inference.kernels.jit.dot_product import Dot4, generic_dot4, vnni_dot4, widening_dot4

_numba: Any = config
# Blocks of sixteen rows that a tile of the quantized products covers when there are many tokens.
BLOCKS_TOGETHER = 4


@dataclass(frozen=True)
class Target:
    """An instruction set.

    Args:
        name: Shown by ``doctor`` and compared by tests.
        features: LLVM's names of the CPU features it needs.
        dot4: Builds the dot product of four bytes per lane; dot_product.py states its contract.
        tiles: Tokens per register tile of the quantized products, largest first, by blocks of rows in the tile. A tile
            keeps blocks * tokens vectors of sixteen sums in registers. Results do not depend on it.
        converts_float16: The CPU converts float16 to float32 and back; else bit operations with equal results do.
    """

    name: str
    features: frozenset[str]
    dot4: Dot4
    tiles: Mapping[int, tuple[int, ...]]
    converts_float16: bool


AVX512 = frozenset({"avx512f", "avx512bw", "avx512vl"})
# Sixteen sums fill the registers of AVX-512; the others have fewer and smaller ones.
WIDE_TILES = {1: (16, 4, 2, 1), BLOCKS_TOGETHER: (4, 2, 1)}
# Best first: the first whose features are all there is used.
TARGETS = (
    Target("avx512-vnni", AVX512 | {"avx512vnni"}, vnni_dot4, WIDE_TILES, converts_float16=True),
    Target("avx512", AVX512, widening_dot4("llvm.x86.avx512.pmaddw.d.512", 32), WIDE_TILES, converts_float16=True),
    Target(
        "avx2",
        frozenset({"avx2", "fma", "f16c"}),
        widening_dot4("llvm.x86.avx2.pmadd.wd", 16),
        {1: (4, 1), BLOCKS_TOGETHER: (4, 1)},
        converts_float16=True,
    ),
    Target("generic", frozenset(), generic_dot4, {1: (4, 1), BLOCKS_TOGETHER: (1,)}, converts_float16=False),
)


@functools.cache
def target() -> Target:
    """Return the best target that the CPU supports."""
    available = cpu_features()
    return next(candidate for candidate in TARGETS if candidate.features <= available)


def cpu_features() -> frozenset[str]:
    """Return the features that kernels are compiled for: the CPU's, or those forced by ``NUMBA_CPU_FEATURES``."""
    forced: str | None = _numba.CPU_FEATURES
    if forced is not None:
        return frozenset(name[1:] for name in forced.split(",") if name.startswith("+"))
    return frozenset(name for name, available in binding.get_host_cpu_features().items() if available)
