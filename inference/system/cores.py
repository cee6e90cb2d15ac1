"""Number of cores this process may use."""

import math
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from inference.system.cgroups import groups

CPUS = Path("/sys/devices/system/cpu")

# Weight bytes per additional core; below that synchronisation costs more than it saves.
BYTES_PER_CORE = 4 * 2**20


@dataclass(frozen=True)
class Cores:
    """Limits on computation.

    ``hardware_threads`` of the machine; ``allowed`` of them by this process's affinity mask; on so many ``physical``
    cores; ``quota``: of the control groups, in whole cores' worth of time, None without a limit.
    """

    hardware_threads: int
    allowed: int
    physical: int
    quota: int | None

    @property
    def usable(self) -> int:
        return max(1, self.physical if self.quota is None else min(self.physical, self.quota))


def count_cores() -> Cores:
    """Determine the current limits."""
    hardware_threads = os.cpu_count() or 1
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(hardware_threads))
    return Cores(hardware_threads, len(allowed), _physical(allowed), _quota())


def usable_cores() -> int:
    """Physical cores within the affinity mask, limited by the CPU quota of the control groups."""
    return count_cores().usable


def worthwhile_cores(weight_bytes: int) -> int:
    """Usable cores that a model of this size can keep busy."""
    return min(usable_cores(), 1 + weight_bytes // BYTES_PER_CORE)


def _physical(allowed: Collection[int]) -> int:
    """The physical cores of these hardware threads."""
    if CPUS.is_dir():
        return len({_siblings(cpu) for cpu in allowed})
    # Imported late: on Linux the affinity mask may leave out cores, which psutil does not tell.
    import psutil

    return psutil.cpu_count(logical=False) or len(allowed)


def _siblings(cpu: int) -> str:
    """Identifier of the physical core of a hardware thread."""
    try:
        return (CPUS / f"cpu{cpu}" / "topology" / "thread_siblings_list").read_text().strip()
    except OSError:
        return str(cpu)


def _quota() -> int | None:
    """The least CPU quota of the control groups, rounded up to whole cores."""
    quotas = [quota for group in groups("cpu") if (quota := _cores(group)) is not None]
    return min(quotas, default=None)


def _cores(group: Path) -> int | None:
    """A control group's quota in whole cores, or None without one."""
    try:
        if (group / "cpu.max").exists():
            quota, period = map(int, (group / "cpu.max").read_text().split()[:2])
        else:
            quota, period = (int((group / f"cpu.cfs_{name}_us").read_text()) for name in ("quota", "period"))
    except (OSError, ValueError):  # no limit is the word max
        return None
    return max(1, math.ceil(quota / period)) if quota > 0 and period > 0 else None
