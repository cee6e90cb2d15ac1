"""Garbage collection thresholds: fewer collections at startup, shorter ones later."""

import gc

# Objects created at startup are mostly permanent: collecting them is a waste.
STARTING = 50_000
# Small enough for a collection not to delay a key noticeably.
USUAL = 5_000


def rarely() -> None:
    """Raise the threshold during startup."""
    gc.set_threshold(STARTING)


def often() -> None:
    """Freeze the existing objects and lower the threshold."""
    if not gc.get_freeze_count():
        gc.freeze()
    gc.set_threshold(USUAL)
