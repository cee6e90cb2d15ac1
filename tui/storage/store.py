"""Session store: saves changes to SQLite, and retries what could not be saved."""

import contextlib
import sqlite3
from collections.abc import Collection, Iterator
from pathlib import Path

from tui.conversation.conversation import Conversation, Listing
from tui.conversation.serialization import interrupted
from tui.conversation.tree import Tree
from tui.storage import rows
from tui.storage.backup import damaged
from tui.storage.database import BUSY_SECONDS, FAULTS, connect, explain
from tui.storage.errors import (
    ChangedElsewhereError,
    MissingError,
    OpenElsewhereError,
    StoreError,
    UnavailableError,
)
from tui.storage.rows import Image, Record
from tui.storage.schema import check, transaction
from tui.storage.search import Hit, search
from tui.storage.session_locks import Locks

OPEN_ELSEWHERE = "Read-only: another llm-tui has this session open."
CHANGED_ELSEWHERE = "Changed in another llm-tui; reopen it."
# How long to wait for another process that writes, once it has kept us waiting: it is tried again and again.
IMPATIENT_SECONDS = 0.02


class Store:
    """The sessions in the database ``file``. One process at a time may write a session: the one that opened it first.

    ``note``: a sentence to read once about the place where the file lies. ``trouble``: a sentence that says why
    something is not on disk yet but only in memory; empty when everything is.

    To be used from one thread; other threads may look at ``note``, ``trouble``, ``unsaved`` and ``holds``.
    """

    def __init__(self, file: Path) -> None:
        """Raises StoreError for a database that is damaged, of a newer schema, or another program's.

        One that cannot be opened now is trouble, and tried again with every write.
        """
        self.file = file
        self.note = ""
        self.trouble = ""
        self._db: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None  # of the file that is open
        self._data_version = 0
        self._locks = Locks(file.with_name(file.name + "-locks"))
        self._images: dict[str, Image] = {}  # of the sessions that are open here, to be written
        self._pending: dict[str, Record] = {}
        self._deleted: dict[str, None] = {}
        try:
            self._connected()
        except UnavailableError as error:
            self.trouble = str(error)
        else:
            self._recover()

    # ---- lists

    def sessions(self, limit: int, offset: int = 0, words: Collection[str] = ()) -> list[Listing]:
        """The pinned ones, then the others, those used last first; with all ``words``, in lower case, in their titles.

        Raises StoreError if they cannot be read.
        """
        with self._reading() as db:
            found = rows.listings(db, limit, offset, words) if db else []
        return [listing for listing in found if listing.id not in self._deleted or listing.id in self._pending]

    def titles(self) -> set[str]:
        """All titles as they are shown. Raises StoreError if they cannot be read."""
        return {listing.shown_title for listing in self.sessions(-1)}

    def search(self, text: str, limit: int = 50) -> list[Hit]:
        """Titles, then messages, with all words of ``text``. Raises StoreError if they cannot be read."""
        with self._reading() as db:
            return search(db, text, limit) if db else []

    def ids(self, beginning: str, limit: int = 2) -> list[str]:
        """Some of the ids that begin so. Raises StoreError if they cannot be read."""
        query = "SELECT id FROM sessions WHERE id >= ? AND substr(id, 1, ?) = ? ORDER BY id LIMIT ?"
        with self._reading() as db:
            found = db.execute(query, (beginning, len(beginning), beginning, limit)) if db else []
            return [row[0] for row in found if isinstance(row[0], str)]

    def typed(self, limit: int) -> list[str]:
        """The user's messages in chats, newest first, without duplicates. Raises StoreError if unreadable."""
        query = "SELECT text FROM nodes WHERE role = 'user' ORDER BY number DESC LIMIT ?"
        with self._reading() as db:
            texts = (row[0] for row in db.execute(query, (limit,))) if db else ()
            return list(dict.fromkeys(text for text in texts if isinstance(text, str)))

    def changed(self) -> bool:
        """True if another process has written since the last call. Takes microseconds."""
        with self._reading() as db:
            version = _data_version(db) if db else 0
        changed, self._data_version = version != self._data_version, version
        return changed

    # ---- one conversation

    def read(self, session_id: str) -> Conversation:
        """The conversation as it is on disk. Raises StoreError if it is not there or cannot be read."""
        return self._read(session_id)[0]

    def open(self, session_id: str) -> Conversation:
        """The conversation, to be written here if ``holds`` says so then; another process may be writing it.

        A reply that was left growing when its process died is marked as interrupted. Raises StoreError as ``read``.
        """
        if session_id in self._pending:
            return self._pending[session_id].conversation
        if session_id in self._images:
            raise ValueError("the session is open already")
        mine = self._acquire(session_id)
        try:
            conversation, image = self._read(session_id)
        except StoreError:
            self._locks.release(session_id)
            raise
        if mine:
            self._images[session_id] = image
            if any(node.growing for node in conversation.tree):
                _interrupt(conversation.tree)
                self.save(conversation)
        return conversation

    def holds(self, session_id: str) -> bool:
        """True if this process holds the session's write lock."""
        return session_id in self._images or session_id in self._pending

    def save(self, conversation: Conversation) -> None:
        """Write what has changed since it was opened or saved last: on disk when this returns, or else ``trouble``.

        Raises StoreError if another process has the session open, or had since it was read here.
        """
        self.write(Record.of(conversation))

    def write(self, record: Record) -> None:
        """As ``save``, with what the conversation was when the record was made of it."""
        if not self.holds(record.id):
            self._claim(record.id)
        self._pending[record.id] = record
        self.flush()

    def delete(self, conversation: Conversation) -> None:
        """Remove it and all that was found by searching for it. ``save`` puts it back.

        Raises StoreError if another process has it open.
        """
        if not self._acquire(conversation.id):
            raise OpenElsewhereError(OPEN_ELSEWHERE)
        self._images.pop(conversation.id, None)
        self._pending.pop(conversation.id, None)
        self._deleted[conversation.id] = None
        self.flush()

    def release(self, session_id: str) -> None:
        """Let other processes write the session. What is not on disk yet stays here, and ours."""
        if session_id not in self._pending and session_id not in self._deleted:
            self._images.pop(session_id, None)
            self._locks.release(session_id)

    def lost(self) -> set[str] | None:
        """Which sessions were open here, if ``file`` is not what was opened any more: deleted, moved, replaced.

        Then none is, and nothing of them is on disk: ``restore`` puts it there. None where all is well, which takes
        microseconds.
        """
        if self._db is None or self._identity == _identity(self.file):
            return None
        self._disconnect()
        self._locks.release_all()
        were_open = {*self._images, *self._pending}
        self._images, self._pending = {}, {}
        return were_open

    def restore(self, record: Record) -> None:
        """As ``write``, over whatever this database, which is another than it was, has of the session."""
        if self._acquire(record.id):
            with contextlib.suppress(StoreError):
                self._images[record.id] = self._read(record.id)[1]
        self.write(record)

    def flush(self) -> None:
        """Try once more to write what is not on disk yet, in the order in which it came."""
        had_trouble, self.trouble = bool(self.trouble), self._write_pending()
        if had_trouble and not self.trouble:
            _wait_at_most(self._connected(), BUSY_SECONDS)

    def _write_pending(self) -> str:
        """Why saving failed; empty if it did not."""
        trouble = ""
        try:
            self._connected()
        except StoreError as error:
            return self._failed(error)
        for task, session_id in [(self._remove, i) for i in self._deleted] + [(self._write, i) for i in self._pending]:
            try:
                task(session_id)
            except (*FAULTS, StoreError) as error:
                trouble = self._failed(error)
                if isinstance(error, sqlite3.OperationalError | OSError | UnavailableError):
                    break  # it would be the same with the next one
        return trouble

    @property
    def unsaved(self) -> bool:
        """True if something is not on disk yet."""
        return bool(self._pending or self._deleted)

    def close(self) -> None:
        """Write what can be written and let everything go; ``trouble`` tells what could not be."""
        if self.unsaved:
            self.flush()
        self._disconnect()
        self._locks.release_all()

    # ---- how

    def _connected(self) -> sqlite3.Connection:
        if self._db is None:
            self._db, note = connect(self.file)
            self._identity = _identity(self.file)
            self.note = self.note or note
            self._data_version = _data_version(self._db)
        return self._db

    def _disconnect(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        db = None
        with contextlib.suppress(UnavailableError):
            db = self._connected()
        try:
            yield db
        except FAULTS as error:
            raise explain(error, self.file) from None

    def _read(self, session_id: str) -> tuple[Conversation, Image]:
        try:
            with self._reading() as db:
                found = rows.read(db, session_id) if db else None
        except (ValueError, RecursionError) as error:
            raise damaged(self.file, f"session {session_id[:8]}: {error}") from None
        if found is None:
            raise MissingError(f"{self.file} has no session {session_id[:32]}.")
        return found

    def _acquire(self, session_id: str) -> bool:
        """Try to lock the session. Unlockable file systems count as unlocked: they are read-only anyway."""
        try:
            return self._locks.acquire(session_id)
        except OSError:
            return True

    def _claim(self, session_id: str) -> None:
        """Have the right to write a new session, or one that was deleted here. Raises StoreError without it."""
        if not self._acquire(session_id):
            raise OpenElsewhereError(OPEN_ELSEWHERE)
        with self._reading() as db:
            known = db is not None and session_id not in self._deleted and rows.exists(db, session_id)
        if known:
            self._locks.release(session_id)
            raise ChangedElsewhereError(CHANGED_ELSEWHERE)

    def _write(self, session_id: str) -> None:
        db = self._locked(session_id)
        with transaction(db):
            image = rows.write(db, self._pending[session_id], self._images.get(session_id))
        self._images[session_id] = image
        del self._pending[session_id]

    def _remove(self, session_id: str) -> None:
        db = self._locked(session_id)
        with transaction(db):
            rows.delete(db, session_id)
        del self._deleted[session_id]
        if session_id not in self._pending:
            self._locks.release(session_id)

    def _locked(self, session_id: str) -> sqlite3.Connection:
        """The database, for writing this session. Raises what may be in the way."""
        db = self._connected()
        check(db, str(self.file))  # a newer program may have come along
        if not self._locks.acquire(session_id):
            raise OpenElsewhereError(OPEN_ELSEWHERE)
        return db

    def _failed(self, error: Exception) -> str:
        """The sentence for it."""
        if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_FULL")):
            if self._db is not None:
                _wait_at_most(self._db, IMPATIENT_SECONDS)
        else:
            self._disconnect()  # what could only be read may have become writable: that shows when it is opened anew
        return str(error if isinstance(error, StoreError) else explain(error, self.file))

    def _recover(self) -> None:
        """End the growth of what processes left that died."""
        query = "SELECT id FROM sessions WHERE number IN (SELECT session FROM nodes WHERE growing)"
        with self._reading() as db:
            left = [row[0] for row in db.execute(query)] if db else []
        for session_id in left:
            with contextlib.suppress(StoreError):  # of this session; the others are as good as ever
                if self._acquire(session_id):
                    self.open(session_id)
                    self.release(session_id)


def _interrupt(tree: Tree) -> None:
    """A reply of which nothing came goes; of another, what came stays."""
    for node in list(tree):
        if node.growing and not node.text and not tree.children(node.id):
            tree.abandon(node.id, node.parent)
        elif node.growing:
            ended = interrupted(node)
            tree.settle(node.id, ended.token_ids, ended.outcome)


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _data_version(db: sqlite3.Connection) -> int:
    version: int = db.execute("PRAGMA data_version").fetchone()[0]
    return version


def _wait_at_most(db: sqlite3.Connection, seconds: float) -> None:
    db.execute(f"PRAGMA busy_timeout = {round(1000 * seconds)}")
