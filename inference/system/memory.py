"""Available memory in bytes: the system's, within the limits of the control groups."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from inference.system.cgroups import groups

# A limit that is none: version 1 of control groups writes the largest number of whole pages.
UNLIMITED = 2**62
USAGE = ("memory.current", "memory.usage_in_bytes")


@dataclass(frozen=True)
class MemoryLimit:
    """The limit of a control group: ``maximum`` bytes, of which ``available`` are left to it."""

    group: Path
    maximum: int
    available: int


def available_memory() -> int | None:
    """Available memory in bytes, or None if unknown: the system's, within the limits of the control groups."""
    # Imported late: the first screen needs no memory measured.
    import psutil

    available = [limit.available for limit in memory_limits()]
    with contextlib.suppress(OSError):  # a system without /proc
        available.append(int(psutil.virtual_memory().available))
    return min(available, default=None)


def memory_limits() -> list[MemoryLimit]:
    """The limits of this process's control groups, the innermost first."""
    return [limit for group in groups("memory") if (limit := _limit(group)) is not None]


def _limit(group: Path) -> MemoryLimit | None:
    """A group's limit: the hard one, or the one from which the kernel reclaims, whichever is less.

    File pages that were not used for a while are freed before anything is refused, so they count as available.
    """
    maxima = [_number(group / name) for name in ("memory.max", "memory.high", "memory.limit_in_bytes")]
    maximum = min((number for number in maxima if number is not None and number < UNLIMITED), default=None)
    used = next((n for name in USAGE if (n := _number(group / name)) is not None), None)
    if maximum is None or used is None:
        return None
    return MemoryLimit(group, maximum, max(0, maximum - max(0, used - _inactive_file(group))))


def _inactive_file(group: Path) -> int:
    """Bytes of inactive file pages, descendants included."""
    try:
        counts = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        return int(counts.get("total_inactive_file", counts.get("inactive_file", "0")))
    except (OSError, ValueError):
        return 0


def _number(file: Path) -> int | None:
    """The number in a file; None for a missing file or ``max``."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def in_gigabytes(size: int) -> str:
    """Human-readable size."""
    return f"{size / 2**30:.1f} GB" if size >= 2**30 else f"{size / 2**20:.0f} MB"
