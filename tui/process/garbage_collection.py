"""When Python looks for objects that only hold each other: whoever is at the keyboard waits for the end of it."""

import gc

# Until the first model is there next to nothing is to be found, among much that comes to stay.
STARTING = 50_000
# So many new objects are looked through before a key that was pressed meanwhile is late.
USUAL = 5_000


def rarely() -> None:
    """While the program starts."""
    gc.set_threshold(STARTING)


def often() -> None:
    """From now on; what is there by now stays until the end, and is not looked through again."""
    if not gc.get_freeze_count():
        gc.freeze()
    gc.set_threshold(USUAL)
