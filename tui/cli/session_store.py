"""Opens the session database for commands."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tui.cli.options import settings_for
from tui.cli.output import tell
from tui.storage.errors import StoreError

if TYPE_CHECKING:
    from tui.storage.store import Store


class AbsentError(StoreError):
    """The database does not exist yet."""


@contextlib.contextmanager
def open_store(context: click.Context, db: Path | None, *, new: bool) -> "Iterator[Store]":
    """Open the configured database; ``new`` creates it if necessary.

    Raises AbsentError if it does not exist, StoreError if it cannot be used.
    """
    from tui.storage.store import Store

    file = settings_for(context, db=db).db
    if not new and _absent(file):
        raise AbsentError(f"No sessions yet: {file} does not exist.")
    store = Store(file)
    try:
        if store.trouble:
            raise StoreError(store.trouble)
        if new and store.note:  # only relevant for writing
            tell(store.note)
        yield store
    finally:
        store.close()


def find_session(store: "Store", name: str) -> str | None:
    """Id of the session with this title, or whose id begins so; None if there is none.

    Raises StoreError if there are several.
    """
    titles = [(listing.id, listing.shown_title) for listing in store.sessions(limit=-1)]
    found = (
        [known for known, title in titles if title == name]
        or store.ids(name)
        or [known for known, title in titles if title.casefold() == name.casefold()]
    )
    if len(found) > 1:
        raise StoreError(f"Several sessions match “{name[:40]}”; pass an id as listed by `llm-tui sessions`.")
    return found[0] if found else None


def _absent(file: Path) -> bool:
    """False also if it cannot be checked: opening it will report why."""
    try:
        return not file.exists()
    except OSError:
        return False
