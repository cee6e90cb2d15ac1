"""Copies of the database: one for each day of use, the last three kept, and one before the schema changes."""

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

from inference.system.atomic_write import atomic_write, remove_abandoned
from tui.storage.errors import StoreError
from tui.storage.private_files import private_directory

KEPT = 3
DAYS = "????-??-??.db"


def backups(file: Path) -> Path:
    """The directory of the database's copies."""
    return file.with_name(file.name + "-backups")


def damaged(file: Path, what: str) -> StoreError:
    """What to say, and to do, of a database that SQLite cannot make sense of."""
    newest = max(backups(file).glob("*.db"), key=lambda copy: copy.stat().st_mtime, default=None)
    remedy = f"put its copy {newest} in its place" if newest else "there is no copy of it yet; give --db another file"
    return StoreError(f"{file} is damaged ({what}): {remedy}.")


def back_up_daily(file: Path) -> None:
    """Make today's copy if there is none, and remove those beyond the last three.

    Takes as long as reading the database does: to be called beside the interface's thread. Raises one of the
    database's FAULTS if there can be no copy, StoreError if it is damaged: then no good copy makes room for it.
    """
    name = f"{date.today():%Y-%m-%d}.db"
    if not file.is_file() or (backups(file) / name).exists():
        return
    back_up(file, name)
    for old in sorted(backups(file).glob(DAYS))[:-KEPT]:
        old.unlink(missing_ok=True)


def back_up(file: Path, name: str) -> None:
    """Copy the database as it is now, checked, to ``name`` among its copies. Raises as above."""
    directory = private_directory(backups(file))
    remove_abandoned(directory)
    with atomic_write(directory / name) as partial:
        uri = f"{file.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as source, closing(sqlite3.connect(partial)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, complete in itself
            if (found := copy.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                raise damaged(file, found)
