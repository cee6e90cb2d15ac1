"""Backups of the database: daily (the last three are kept) and before each schema migration."""

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
    """The directory of the backups."""
    return file.with_name(file.name + "-backups")


def damaged(file: Path, what: str) -> StoreError:
    """The error for a corrupt database, with its remedy."""
    newest = max(backups(file).glob("*.db"), key=lambda copy: copy.stat().st_mtime, default=None)
    remedy = f"Restore the backup {newest}" if newest else "There is no backup; use another file with --db"
    return StoreError(f"{file} is damaged ({what}). {remedy}.")


def back_up_daily(file: Path) -> None:
    """Create today's backup if there is none, and delete all but the last three.

    Reads the whole database, so it must not run on the interface's thread. Raises one of the database's FAULTS, or
    StoreError if the database is damaged; then no older backup is deleted.
    """
    name = f"{date.today():%Y-%m-%d}.db"
    if not file.is_file() or (backups(file) / name).exists():
        return
    back_up(file, name)
    for old in sorted(backups(file).glob(DAYS))[:-KEPT]:
        old.unlink(missing_ok=True)


def back_up(file: Path, name: str) -> None:
    """Write a checked copy of the database to the backup ``name``. Raises as ``back_up_daily`` does."""
    directory = private_directory(backups(file))
    remove_abandoned(directory)
    with atomic_write(directory / name) as partial:
        uri = f"{file.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as source, closing(sqlite3.connect(partial)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, complete in itself
            if (found := copy.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                raise damaged(file, found)
