"""Drives the seed sorter of the growers' barn: a belt, a camera and a row of air jets."""

import time
from collections.abc import Callable

BELT_SPEED = 0.35  # metres a second
CAMERA_TO_JETS = 0.42  # metres
JETS = 16
# Seeds below this score are blown into the left bin.
GOOD_FROM = 0.62
# The valve needs this long from the signal to the puff.
VALVE_DELAY = 0.018


class JammedError(Exception):
    """No seed was seen for a while although the belt is running."""


def delay() -> float:
    """Seconds between the picture of a seed and the signal to the valve."""
    return CAMERA_TO_JETS / BELT_SPEED - VALVE_DELAY


def sort(look: Callable[[], list[float]], puff: Callable[[int], None], patience: float = 8.0) -> int:
    """Sort until the hopper is empty or ``JammedError`` is raised; returns how many seeds were blown away."""
    blown = 0
    seen = time.monotonic()
    while scores := look():
        for jet, score in enumerate(scores[:JETS]):
            if score < GOOD_FROM:
                time.sleep(delay())
                puff(jet)
                blown += 1
        if any(scores):
            seen = time.monotonic()
        elif time.monotonic() - seen > patience:
            raise JammedError
    return blown
