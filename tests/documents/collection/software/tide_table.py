"""Predicts high water at Senmouth from the moon's age, well enough for walkers on the mud."""

from dataclasses import dataclass
from datetime import datetime, timedelta

# High water comes so much later each day.
DAILY_DELAY = timedelta(minutes=50.5)
# Between the moon's passage and high water at the mole; measured over one summer.
ESTABLISHMENT = timedelta(hours=4, minutes=36)
SPRING_RANGE, NEAP_RANGE = 5.8, 2.9
SAFE_MARGIN = timedelta(hours=1, minutes=15)


@dataclass(frozen=True)
class Tide:
    high_water: datetime
    range_metres: float


def tide_on(day: datetime, moon_age: float) -> Tide:
    """``moon_age``: days since the new moon. The range is largest two days after new and full moon."""
    high = day.replace(hour=0, minute=0) + ESTABLISHMENT + (moon_age % 14.77) * DAILY_DELAY
    nearness = abs(((moon_age - 2) % 14.77) - 7.385) / 7.385
    return Tide(high, NEAP_RANGE + (SPRING_RANGE - NEAP_RANGE) * nearness)


def may_cross(tide: Tide, now: datetime) -> bool:
    """The flats can be crossed around low water only: nobody starts later than SAFE_MARGIN after it."""
    low = tide.high_water + timedelta(hours=6, minutes=12)
    return low - 2 * SAFE_MARGIN <= now <= low + SAFE_MARGIN
