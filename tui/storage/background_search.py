"""Searching beside the store, on another thread, while the store reads and writes on its own."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tui.storage.database import FAULTS, explain, reader
from tui.storage.search import Hit, search

# SQLite's steps between two questions whether anybody still waits for the answer: well under a millisecond.
STEPS = 10_000


def find(file: Path, text: str, limit: int, unwanted: Callable[[], bool]) -> list[Hit]:
    """As ``search``, with a connection of its own; ends soon, and finds nothing, once ``unwanted`` says so.

    Raises StoreError for a text that is too long, and for a database that cannot be read.
    """
    with closing(reader(file)) as db:
        db.set_progress_handler(unwanted, STEPS)
        try:
            return search(db, text, limit)
        except FAULTS as error:
            if unwanted():
                return []
            raise explain(error, file) from None
