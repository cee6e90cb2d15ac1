"""Opens the database file, wherever it lies, and says in a sentence why it cannot be used."""

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
from tui.storage.private_files import private_directory, private_file
from tui.storage.schema import check, current, migrate

# How long to wait for another process that writes; transactions take milliseconds.
BUSY_SECONDS = 1.0
# What SQLite wants to have at least for the memory that the processes which use a database share.
SHARED_MEMORY = 32 * 1024
# What SQLite raises: the last where it has to quote, of a damaged schema, bytes that are no text.
FAULTS = (sqlite3.Error, OSError, UnicodeDecodeError)
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def connect(file: Path) -> tuple[sqlite3.Connection, str]:
    """The database, made if it is not there, and a sentence that the person should read once, or nothing.

    What can only be read is opened for reading. Raises UnavailableError if it cannot even be read now, StoreError if
    it is damaged, of a newer schema, or another program's; then nothing was written.
    """
    try:
        _refuse_foreign(file)
        private_directory(file.parent)
        os.close(private_file(file))
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
            return readable, f"{explain(error, file)} What was kept can be read."
        raise explain(error, file) from None


def reader(file: Path) -> sqlite3.Connection:
    """The database, for reading alone. Raises UnavailableError if it is not there or cannot be read."""
    db = _read_only(file)
    if db is None:
        raise UnavailableError(f"{file} cannot be read now.")
    return db


def explain(error: Exception, file: Path) -> StoreError:
    """The sentence for one of the FAULTS; UnavailableError for what may pass."""
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) or isinstance(error, UnicodeDecodeError):
        return damaged(file, str(error))
    perhaps_full = name.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY"))
    if name == "SQLITE_FULL" or getattr(error, "errno", None) in FULL or (perhaps_full and _full(file)):
        return UnavailableError(f"The disk that holds {file} is full: make room on it.")
    if _busy(error):
        return UnavailableError(f"{file} is kept locked by another program.")
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return UnavailableError(f"{file} cannot be opened or written ({reason}).")


def _full(file: Path) -> bool:
    """SQLite has no clear word where there is no room for the shared memory, and what is full is opened for reading."""
    with contextlib.suppress(OSError):
        place = os.statvfs(file.parent)
        return place.f_bavail * place.f_frsize < SHARED_MEMORY and not place.f_flag & os.ST_RDONLY
    return False


def _open(file: Path, query: str) -> sqlite3.Connection:
    uri = f"{file.resolve().as_uri()}?{query}"
    # Opened before there is a thread for it, and used by one thread at a time.
    db = sqlite3.connect(uri, BUSY_SECONDS, isolation_level=None, uri=True, check_same_thread=False)
    db.text_factory = partial(str, encoding="utf-8", errors="replace")  # damaged bytes must not take the whole list
    db.execute("PRAGMA foreign_keys = ON")
    return db


def _busy(error: Exception) -> bool:
    return getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def _refuse_foreign(file: Path) -> None:
    """Look before anything is written, even a log. If nothing can be made out now, ``migrate`` looks again."""
    if file.is_file() and file.stat().st_size:
        query = "mode=ro" if _unfinished(file) else "mode=ro&immutable=1"
        with contextlib.suppress(*FAULTS), closing(_open(file, query)) as db:
            check(db, str(file))


def _unfinished(file: Path) -> bool:
    """Whether a part of the database is in its log or journal. Nobody can tell where it is not allowed to look."""
    with contextlib.suppress(OSError):
        logs = [file.with_name(file.name + suffix) for suffix in ("-wal", "-journal")]
        return any(log.stat().st_size for log in logs if log.exists())
    return True


def _choose_journal(db: sqlite3.Connection, file: Path) -> str:
    """The write-ahead log where it works. Returns what to say when another journal is taken for the first time."""
    before = db.execute("PRAGMA journal_mode").fetchone()[0]
    new = not check(db, str(file))
    network = network_file_system(file)
    mode = _set_journal(db, "delete" if network else "wal")
    if mode == "wal":
        db.execute("PRAGMA synchronous = NORMAL")
        return ""
    if not new and mode == before:
        return ""
    return f"{file} lies on {network or 'a file system without shared memory'}: saving is safe there, but slower."


def _set_journal(db: sqlite3.Connection, mode: str) -> str:
    """The mode it has then. Of two processes that change it at once SQLite lets one fail without waiting."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return str(db.execute(f"PRAGMA journal_mode = {mode}").fetchone()[0])
        except sqlite3.OperationalError as error:
            if not _busy(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def _read_only(file: Path) -> sqlite3.Connection | None:
    """The database for reading alone, if it is there and of this schema; in a read-only directory, as it stands."""
    for query in ("mode=ro",) if _unfinished(file) else ("mode=ro", "mode=ro&immutable=1"):
        with contextlib.suppress(*FAULTS), contextlib.ExitStack() as stack:
            db = stack.enter_context(closing(_open(file, query)))
            if current(db, str(file)):
                stack.pop_all()
                return db
    return None
