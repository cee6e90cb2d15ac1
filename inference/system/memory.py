"""Available memory in bytes: the system's, within the control group's limit."""

import contextlib
from pathlib import Path

from inference.errors import MemoryLimitError

CGROUP = Path("/sys/fs/cgroup")
# Models of fewer parameters are fast in any precision, and rounding costs them most.
EXACT_BELOW = 16_000_000


def available_memory() -> int | None:
    """Available memory in bytes, or None if unknown."""
    # Imported late: the first screen needs no memory measured.
    import psutil

    limits = []
    with contextlib.suppress(OSError):  # a system without /proc
        limits.append(int(psutil.virtual_memory().available))
    try:
        maximum = (CGROUP / "memory.max").read_text().strip()
        if maximum != "max":
            limits.append(max(0, int(maximum) - int((CGROUP / "memory.current").read_text())))
    except (OSError, ValueError):
        pass
    return min(limits, default=None)


def best_precision(needed: dict[str, int], parameters: int, stored: str, available: int | None) -> str | None:
    """Return the precision that ``auto`` chooses with these bytes free (None: unknown); None if none fits."""
    fitting = [name for name, size in needed.items() if available is None or size <= available]
    small = parameters < EXACT_BELOW
    best = stored if small else "int8"
    return best if best in fitting else next(iter(fitting[:1] if small else fitting[-1:]), None)


def choose_precision(needed: dict[str, int], precision: str, parameters: int, stored: str) -> str:
    """The precision to load in; ``needed`` holds bytes by precision, largest first.

    ``auto`` (see ``best_precision``): models so small that any precision is fast stay as they are ``stored``; others
    become int8, which is the fastest that changes next to nothing. What does not fit gives way to what does. Raises
    MemoryLimitError, with the numbers and a precision that fits, if the one asked for does not.
    """
    available = available_memory()
    fitting = [name for name, size in needed.items() if available is None or size <= available]
    if precision == "auto" and (best := best_precision(needed, parameters, stored, available)):
        return best
    if precision in fitting or available is None:
        return precision
    wanted = min(needed, key=lambda name: needed[name]) if precision == "auto" else precision
    advice = f"precision {fitting[0]} would fit" if fitting else "close other programs or take a smaller model"
    raise MemoryLimitError(
        f"The model needs {in_gigabytes(needed[wanted])} in {wanted} (weights and a full context), "
        f"but {in_gigabytes(available)} are free: {advice}."
    )


def in_gigabytes(size: int) -> str:
    """Human-readable size."""
    return f"{size / 2**30:.1f} GB" if size >= 2**30 else f"{size / 2**20:.0f} MB"
