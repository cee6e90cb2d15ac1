"""What two texts, or two lists of token ids, have in common."""

from collections.abc import Sequence
from typing import Any


def common_prefix(one: Sequence[Any], other: Sequence[Any]) -> int:
    """Length of the common beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))
