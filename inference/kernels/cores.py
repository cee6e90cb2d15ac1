"""How many cores this process may compute on, as a good neighbour."""

import math
import os
from pathlib import Path

CPUS = Path("/sys/devices/system/cpu")
CPU_MAX = Path("/sys/fs/cgroup/cpu.max")

# So many bytes of weights are worth another core: for less, waiting for one another costs more than sharing saves.
BYTES_PER_CORE = 4 * 2**20


def usable_cores() -> int:
    """Physical cores within this process's affinity, and no more than its control group's quota of time."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    cores = {_siblings(cpu) for cpu in allowed}
    return max(1, min(len(cores), _quota()))


def worthwhile_cores(weight_bytes: int) -> int:
    """As many of the usable cores as a model of this size has work for."""
    return min(usable_cores(), 1 + weight_bytes // BYTES_PER_CORE)


def _siblings(cpu: int) -> str:
    """A name for the physical core: two hardware threads of one have it in common."""
    try:
        return (CPUS / f"cpu{cpu}" / "topology" / "thread_siblings_list").read_text().strip()
    except OSError:
        return str(cpu)


def _quota() -> int:
    """Whole cores' worth of time, rounded up; very many where there is no limit."""
    try:
        quota, period = CPU_MAX.read_text().split()[:2]
        return max(1, math.ceil(int(quota) / int(period)))
    except (OSError, ValueError, ZeroDivisionError):
        return 2**30
