"""Human-readable sizes, counts and ages."""

AGES = ((60, 1, "now"), (3600, 60, "m"), (86400, 3600, "h"), (7 * 86400, 86400, "d"), (365 * 86400, 7 * 86400, "w"))


def size(count: int) -> str:
    """Format bytes in the engine's binary units: ``11.2 MB``, ``2.1 GB``."""
    return f"{count / 2**30:.1f} GB" if count >= 2**30 else f"{count / 2**20:.1f} MB"


def short_count(number: int) -> str:
    """Format a count: ``656 K``, ``5.5 M``, ``1.1 B``."""
    for unit, scale in (("B", 10**9), ("M", 10**6), ("K", 10**3)):
        if number >= scale:
            return f"{number / scale:.3g} {unit}"
    return str(number)


def counted(number: int, noun: str, plural: str = "") -> str:
    """Format a number of things: ``1 token``, ``2 tokens``."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


def age(seconds: float) -> str:
    """Age in at most three characters."""
    for limit, unit, name in AGES:
        if seconds < limit:
            return name if name == "now" else f"{int(seconds // unit)}{name}"
    return f"{min(99, int(seconds // (365 * 86400)))}y"
