"""Instruction sets that kernels are generated for, and the one in use.

To add an instruction set, add an entry to TARGETS: the code generators ask ``target()`` for all that differs.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llvmlite import binding
from numba import config

from inference.kernels.jit.dot_product import (
    AVX2_MULTIPLY_ADD,
    AVX512_MULTIPLY_ADD,
    GroupDot,
    NibbleDot,
    QuadDot,
    WordDot,
    neon_dot,
    neon_dot4,
    plain_dot4,
    signed_quads,
    vpdpbusd,
)

_numba: Any = config
# Blocks of sixteen rows that a tile of the quantized products covers when there are many tokens.
BLOCKS_TOGETHER = 4


@dataclass(frozen=True)
class Target:
    """An instruction set.

    Args:
        name: Shown by ``doctor`` and compared by tests.
        features: LLVM's names of the CPU features it needs.
        dots: Builds the sums of products of a group, by bits of a weight; dot_product.py states the contract.
        tiles: Tokens per register tile of the quantized products, largest first, by blocks of rows in the tile. A tile
            keeps blocks * tokens vectors of sixteen sums in registers. Results do not depend on it.
        converts_float16: The CPU converts float16 to float32 and back; else bit operations with equal results do.
    """

    name: str
    features: frozenset[str]
    dots: Mapping[int, GroupDot]
    tiles: Mapping[int, tuple[int, ...]]
    converts_float16: bool


AVX512 = frozenset({"avx512f", "avx512bw", "avx512vl"})
NEON = frozenset({"neon"})
AVX2 = frozenset({"avx2", "fma", "f16c"})
# Sixteen sums of sixteen int32 fill the registers of AVX-512; of those with sixteen registers of eight, four do beside
# the weights that all tokens share.
WIDE_TILES = {1: (16, 4, 2, 1), BLOCKS_TOGETHER: (4, 2, 1)}
NARROW_TILES = {1: (4, 2, 1)}
# NEON: thirty-two registers of four.
NEON_TILES = {1: (4, 2, 1)}
USDOT = QuadDot(neon_dot("usdot"), 16)
# Best first: the first whose features are all there is used.
TARGETS = (
    Target("avx512-vnni", AVX512 | {"avx512vnni"}, dict.fromkeys((8, 4), vpdpbusd(64)), WIDE_TILES, True),
    Target("avx512", AVX512, {8: WordDot(AVX512_MULTIPLY_ADD), 4: NibbleDot(AVX512_MULTIPLY_ADD)}, WIDE_TILES, True),
    Target("avx-vnni", AVX2 | {"avxvnni"}, dict.fromkeys((8, 4), vpdpbusd(32)), NARROW_TILES, True),
    Target("avx2", AVX2, {8: WordDot(AVX2_MULTIPLY_ADD), 4: NibbleDot(AVX2_MULTIPLY_ADD)}, NARROW_TILES, True),
    Target("neon-i8mm", NEON | {"dotprod", "i8mm"}, dict.fromkeys((8, 4), USDOT), NEON_TILES, True),
    Target("neon-dotprod", NEON | {"dotprod"}, signed_quads(neon_dot("sdot")), NEON_TILES, True),
    Target("neon", NEON, signed_quads(neon_dot4), NEON_TILES, True),
    Target("generic", frozenset(), dict.fromkeys((8, 4), QuadDot(plain_dot4)), {1: (4, 1)}, converts_float16=False),
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
