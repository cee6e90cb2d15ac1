"""What this CPU offers to the kernels: its instruction set, its cores, and where compiled kernels are kept."""

import os

from llvmlite import binding
from numba import config

INSTRUCTION_SETS = {
    "avx512-vnni": {"avx512f", "avx512bw", "avx512vl", "avx512vnni"},
    "avx512": {"avx512f", "avx512bw", "avx512vl"},
    "avx2": {"avx2", "fma", "f16c"},
    "generic": set[str](),
}


def features() -> frozenset[str]:
    """The features that kernels are compiled for: the CPU's, or those that ``NUMBA_CPU_FEATURES`` forces."""
    forced: str | None = getattr(config, "CPU_FEATURES", None)
    if forced is not None:
        return frozenset(name[1:] for name in forced.split(",") if name.startswith("+"))
    return frozenset(name for name, there in binding.get_host_cpu_features().items() if there)


def instruction_set() -> str:
    """The best of INSTRUCTION_SETS that is there."""
    there = features()
    return next(name for name, needed in INSTRUCTION_SETS.items() if needed <= there)


def physical_cores() -> int:
    """Cores this process may use: its affinity and its control group's quota, siblings of one core counted once."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    return max(1, len(allowed))
