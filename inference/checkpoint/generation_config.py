"""The sampling parameters that the makers of a model recommend, as in a ``generation_config.json``."""

from collections.abc import Mapping
from typing import Any

# Lowest, highest, whether the lowest is excluded, and the type. NaN compares false.
BOUNDS: dict[str, tuple[int, int, bool, type]] = {
    "temperature": (0, 5, False, float),
    "top_k": (0, 1_000_000, False, int),
    "top_p": (0, 1, True, float),
    "min_p": (0, 1, False, float),
    "repetition_penalty": (0, 10, True, float),
    "seed": (0, 2**64 - 1, False, int),
    "max_tokens": (1, 10_000_000, False, int),
    "typical_p": (0, 1, True, float),
    "xtc_probability": (0, 1, False, float),
    "xtc_threshold": (0, 1, True, float),
    "dry_multiplier": (0, 100, False, float),
    "dry_base": (1, 10, False, float),
    "dry_allowed_length": (1, 1000, False, int),
}
RECOMMENDED = ("temperature", "top_k", "top_p", "min_p", "typical_p", "repetition_penalty")


def recommended(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sampling parameters in ``values``: what is switched off in any spelling, in ours.

    ``do_sample`` false is temperature 0. The values may be out of bounds; see ``faults``.
    """
    found = {name: values[name] for name in RECOMMENDED if values.get(name) is not None}
    if found.get("top_k") == -1:
        found["top_k"] = 0
    if found.get("top_p") == 0:
        found["top_p"] = 1.0
    if values.get("do_sample") is False:
        found["temperature"] = 0.0
    return found


def faults(values: Mapping[str, Any]) -> dict[str, str]:
    """Return a sentence for each recommended parameter that is out of bounds."""
    return {name: why for name, value in recommended(values).items() if (why := fault(name, value))}


def fault(name: str, value: object) -> str:
    """A sentence if ``value`` is invalid for the parameter, else nothing."""
    lowest, highest, open_below, kind = BOUNDS[name]
    if _is(value, kind) and lowest <= value <= highest and not (open_below and value == lowest):  # type: ignore[operator]
        return ""
    range_ = f"above {lowest} and at most {highest}" if open_below else f"from {lowest} to {highest}"
    number = "an integer" if kind is int else "a number"
    return f"Invalid {name} {shown(value)} (must be {number} {range_})."


def _is(value: object, kind: type) -> bool:
    return isinstance(value, (int,) if kind is int else (int, float)) and not isinstance(value, bool)


def shown(value: object) -> str:
    """Truncated repr (Python refuses to convert huge integers)."""
    try:
        spelled = repr(value)
    except ValueError:
        return "with thousands of digits"
    return spelled if len(spelled) <= 60 else spelled[:59] + "…"
