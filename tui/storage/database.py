"""Opens the database file on any file system, and explains errors."""

import contextlib
import errno
import os
import sqlite3
import time
from contextlib import closing
from functools import partial
from pathlib import Path

from tui.storage.backup import back_up, damaged
from tui.storage.errors import StoreError, UnavailableError
from tui.storage.network_filesystems import network_file_system
from tui.storage.private_files import create_private, private_directory
from tui.storage.schema import check, current, migrate

# Timeout for another process's write lock; transactions take milliseconds.
BUSY_SECONDS = 1.0
# Minimum size of SQLite's shared-memory file in bytes.
SHARED_MEMORY = 32 * 1024
# Size of the header that a database of SQLite begins with, in bytes.
HEADER = 100
# Exceptions of SQLite; UnicodeDecodeError: a damaged schema quoted in an error message.
FAULTS = (sqlite3.Error, OSError, UnicodeDecodeError)
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def connect(file: Path) -> tuple[sqlite3.Connection, str]:
    """Open or create the database; returns it with a one-time message for the user, or an empty one.

    Falls back to read-only access. Raises UnavailableError if it cannot be read at the moment, StoreError if it is
    damaged, has a newer schema or belongs to another program; nothing is written then.
    """
    try:
        _refuse_foreign(file)
        private_directory(file.parent)
        create_private(file)
        db = _open(file, "mode=rw")
        try:
            note = _choose_journal(db, file)
            migrate(db, str(file), lambda version: back_up(file, f"schema-{version}.db"))
        except BaseException:
            db.close()
            raise
        return db, note
    except FAULTS as error:
        if (readable := _read_only(file)) and not _busy(error):
            return readable, f"{explain(error, file)} Existing sessions are read-only."
        raise explain(error, file) from None


def reader(file: Path) -> sqlite3.Connection:
    """Open the database read-only. Raises UnavailableError if it is missing or unreadable."""
    db = _read_only(file)
    if db is None:
        raise UnavailableError(f"Cannot read {file} at the moment.")
    return db


def explain(error: Exception, file: Path) -> StoreError:
    """Convert one of the FAULTS to a StoreError; UnavailableError if it may be temporary."""
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) or isinstance(error, UnicodeDecodeError):
        return damaged(file, str(error))
    perhaps_full = name.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY"))
    if name == "SQLITE_FULL" or getattr(error, "errno", None) in FULL or (perhaps_full and _full(file)):
        return UnavailableError(f"The disk of {file} is full. Free some space.")
    if _busy(error):
        return UnavailableError(f"{file} is locked by another program.")
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return UnavailableError(f"Cannot open or write {file} ({reason}).")


def _full(file: Path) -> bool:
    """True if there is no room for the shared-memory file, which SQLite reports as another error."""
    with contextlib.suppress(OSError):
        place = os.statvfs(file.parent)
        return place.f_bavail * place.f_frsize < SHARED_MEMORY and not place.f_flag & os.ST_RDONLY
    return False


def _open(file: Path, query: str) -> sqlite3.Connection:
    uri = f"{file.resolve().as_uri()}?{query}"
    # Opened on another thread than it is used on, but used by one thread at a time.
    db = sqlite3.connect(uri, BUSY_SECONDS, isolation_level=None, uri=True, check_same_thread=False)
    db.text_factory = partial(str, encoding="utf-8", errors="replace")  # damaged bytes must not break the whole list
    db.execute("PRAGMA foreign_keys = ON")
    return db


def _busy(error: Exception) -> bool:
    return getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def _refuse_foreign(file: Path) -> None:
    """Reject another program's database before anything is written. If it is unreadable, ``migrate`` checks again."""
    if file.is_file() and (size := file.stat().st_size):
        if size < HEADER:  # SQLite takes a file of one byte for an empty database, and writes over it
            raise damaged(file, "file is not a database")
        query = "mode=ro" if _unfinished(file) else "mode=ro&immutable=1"
        with contextlib.suppress(*FAULTS), closing(_open(file, query)) as db:
            check(db, str(file))


def _unfinished(file: Path) -> bool:
    """True if a WAL or journal exists (or cannot be checked)."""
    with contextlib.suppress(OSError):
        logs = [file.with_name(file.name + suffix) for suffix in ("-wal", "-journal")]
        return any(log.stat().st_size for log in logs if log.exists())
    return True


def _choose_journal(db: sqlite3.Connection, file: Path) -> str:
    """Use WAL if it works. Returns a message if another journal mode is chosen for the first time."""
    before = db.execute("PRAGMA journal_mode").fetchone()[0]
    new = not check(db, str(file))
    network = network_file_system(file)
    mode = _set_journal(db, "delete" if network else "wal")
    if mode == "wal":
        db.execute("PRAGMA synchronous = NORMAL")
        return ""
    if not new and mode == before:
        return ""
    return f"{file} is on {network or 'a file system without shared memory'}: saving is safe, but slower."


def _set_journal(db: sqlite3.Connection, mode: str) -> str:
    """Set the journal mode and return the actual one. Retries: SQLite does not wait if two processes change it."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return str(db.execute(f"PRAGMA journal_mode = {mode}").fetchone()[0])
        except sqlite3.OperationalError as error:
            if not _busy(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def _read_only(file: Path) -> sqlite3.Connection | None:
    """Open the database read-only if it exists and has the current schema; as immutable if there is no WAL."""
    for query in ("mode=ro",) if _unfinished(file) else ("mode=ro", "mode=ro&immutable=1"):
        with contextlib.suppress(*FAULTS), contextlib.ExitStack() as stack:
            db = stack.enter_context(closing(_open(file, query)))
            if current(db, str(file)):
                stack.pop_all()
                return db
    return None
