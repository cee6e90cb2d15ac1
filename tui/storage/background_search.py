"""Cancellable search on a second connection, for another thread."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tui.storage.database import FAULTS, explain, reader
from tui.storage.search import Hit, search

# SQLite instructions between checks for cancellation: well under a millisecond.
STEPS = 10_000


def find(file: Path, text: str, limit: int, unwanted: Callable[[], bool]) -> list[Hit]:
    """``search`` with its own connection; returns nothing soon after ``unwanted()`` becomes true.

    Raises StoreError if the text is too long or the database cannot be read.
    """
    with closing(reader(file)) as db:
        db.set_progress_handler(unwanted, STEPS)
        try:
            return search(db, text, limit)
        except FAULTS as error:
            if unwanted():
                return []
            raise explain(error, file) from None
