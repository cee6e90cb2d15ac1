"""Where the sessions are, for commands that read and write them."""

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
    """There is no database yet."""


@contextlib.contextmanager
def open_store(context: click.Context, db: Path | None, *, new: bool) -> "Iterator[Store]":
    """The database that was named, as flag or setting; made if it is not there and ``new``.

    Raises AbsentError if it is not to be made, StoreError if it cannot be used.
    """
    from tui.storage.store import Store

    file = settings_for(context, db=db).db
    if not new and _absent(file):
        raise AbsentError(f"There are no sessions yet: {file} is not there.")
    store = Store(file)
    try:
        if store.trouble:
            raise StoreError(store.trouble)
        if new and store.note:  # of interest to those who write
            tell(store.note)
        yield store
    finally:
        store.close()


def _absent(file: Path) -> bool:
    """What cannot be looked for may be there: the attempt to open it says why it cannot be used."""
    try:
        return not file.exists()
    except OSError:
        return False
