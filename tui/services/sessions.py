"""Sessions in memory and in the database.

Database access runs on the storage thread and usually completes at once; on a slow disk the interface continues with
cached data and is notified later.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from tui.config.key_names import key_name
from tui.config.settings import Settings
from tui.conversation.conversation import Conversation, Mode, has_words
from tui.services.modes import STRATEGIES
from tui.services.reply import saved
from tui.services.session import Line, Session
from tui.services.session_listings import SessionListings
from tui.storage.cache_snapshots import Snapshots
from tui.storage.errors import ChangedElsewhereError, MissingError, OpenElsewhereError, OpeningError, StoreError
from tui.storage.rows import Record
from tui.storage.storage_thread import StorageThread, Unwritten
from tui.storage.store import Store

DELETED_ELSEWHERE = "Deleted in another llm-tui."
SLOW = "The disk is slow: not everything is saved yet."
# Maximum wait for the disk at exit, in seconds, per step.
CLOSING_SECONDS = 10.0


class SessionManager:
    """Opens, lists, saves and deletes sessions; iterates over those in memory.

    The open session and those with a reply in progress are locked for writing. ``last_write``: when this future is
    done, so are those before it.
    """

    def __init__(self, store: Store, snapshots: Snapshots) -> None:
        """``on_news`` is called after a late answer of the disk; ``on_open`` with the result of a late ``open``, which
        is a session or an error.
        """
        self.store = store
        self.snapshots = snapshots
        self.on_news: Callable[[], object] = lambda: None
        self.on_open: Callable[[str, Session | StoreError], object] = lambda session_id, opened: None
        self.storage = StorageThread(lambda: self.on_news())
        self._here: dict[str, Session] = {}
        self._new: set[str] = set()  # ids of those that are not known to be saved
        self._left: set[str] = set()  # ids of those unlocked for other processes
        self._unreadable = ""
        self.listings = SessionListings(store, self.storage)
        self._shown: dict[str, tuple[object, ...]] = {}  # what the list shows of sessions, as saved last, by id
        self._typed: list[str] = []
        self._opening: set[str] = set()
        self._awaited: set[str] = set()  # of these, the ids for which ``on_open`` is due
        self._unwritten: dict[str, tuple[Unwritten, Future[None]]] = {}
        self.last_write = saved()
        self._recovered = False  # failed writes were made up for
        self._lost = ""  # notice about a lost database
        self._changed = False  # another process has written
        self._seen = False

    def __iter__(self) -> Iterator[Session]:
        """Iterate over the sessions in memory."""
        return iter(list(self._here.values()))

    @property
    def trouble(self) -> str:
        """Error message while something cannot be saved or read; else empty."""
        return self.store.trouble or self._unreadable or self.listings.error or (SLOW if self.storage.stuck else "")

    @property
    def private(self) -> list[Session]:
        """Private sessions that hold anything."""
        return [session for session in self if session.private and not session.empty]

    @property
    def unsaved(self) -> bool:
        """True if something is not on disk yet."""
        return self.store.unsaved or not self.last_write.done()

    def retry(self) -> None:
        """Retry failed writes, then unlock the sessions that were left meanwhile."""
        if self.storage.late:
            return
        self._unreadable = self.listings.error = ""
        self.listings.invalidate()
        left = list(self._left)

        def again() -> None:
            self.store.flush()
            for session_id in left:
                self.store.release(session_id)

        self.storage.do(again, self._retried, is_news=True)

    def _retried(self, future: "Future[None]") -> None:
        self._done(future)
        self._recovered = not self.store.unsaved

    def recovered(self) -> bool:
        """True if what could not be saved was saved since the last call."""
        recovered, self._recovered = self._recovered, False
        return recovered

    def lines(self, filtered: bool = True) -> list[Line]:
        """Session list: unsaved new sessions, then pinned ones, then the others, newest first.

        ``filtered``: only those that the title filter lets through.
        """
        return self._lines(self.listings.words if filtered else ())

    def latest(self, mode: Mode | None = None) -> str | None:
        """Id of the last used session of this mode (default: of any)."""
        lines = [line for line in self._lines(()) if mode in (None, line.mode)]
        return max(lines, key=lambda line: line.updated).id if lines else None

    def latest_model(self, mode: Mode) -> str:
        """Name of the model last used in this mode; empty if there is none."""
        listings = [listing for listing in self.listings.get(()) if listing.mode == mode and listing.model]
        return max(listings, key=lambda listing: listing.updated).model if listings else ""

    def usual_model(self, mode: Mode, settings: Settings) -> str:
        """Default model of a mode: that of the command line, else the last used one, else the configured one."""
        named = STRATEGIES[mode].default_model(settings)
        return named if f"{mode}_model" in settings.flags else self.latest_model(mode) or named

    def with_model(self, session: Session, settings: Settings) -> Session:
        """Set the usual model, with a notice, if the session has none (such as an imported one)."""
        if not session.model:
            session.use_model(self.usual_model(session.mode, settings))
            session.notify(
                f"No model is set for this session; using {session.model}. "
                f"Press {key_name('choose_model')} to choose another."
            )
        return session

    def typed(self, limit: int) -> list[str]:
        """The last ``limit`` messages of the user, newest first. On a slow disk, as of the previous call."""
        self.storage.ask(partial(self.store.typed, limit), self._take_typed)
        return self._typed

    def _take_typed(self, future: "Future[list[str]]") -> None:
        self._typed = [] if future.exception() else future.result()

    def new(self, mode: Mode, model: str, private: bool = False) -> Session:
        """Create a session. It is not saved while it is empty, a ``private`` one never."""
        return self.add(Session(Conversation(mode, model=model), private=private))

    def add(self, session: Session) -> Session:
        """Add a session created by this process."""
        self._here[session.id] = session
        self._new.add(session.id)
        self._left.discard(session.id)
        return session

    def open(self, session_id: str) -> Session:
        """Read a session and lock it for writing; it is read-only if another process has the lock.

        Raises StoreError if it cannot be read, OpeningError if reading takes long: ``on_open`` is called later.
        """
        session = self._here.get(session_id)
        if session is not None and session_id not in self._left and self._ours(session_id):
            return session
        if session_id not in self._opening:
            self._left.discard(session_id)
            self._unwritten.pop(session_id, None)
            self._opening.add(session_id)
            future = self.storage.ask(partial(self._read_session, session_id), partial(self._opened, session_id))
            if session_id not in self._opening:
                future.result()
                return self._here[session_id]
            self._awaited.add(session_id)
        raise OpeningError(session_id)

    def _read_session(self, session_id: str) -> Conversation | None:
        """Runs on the storage thread. None if the session in memory is newer, because a write failed."""
        held = session_id in self._here and self.store.holds(session_id)
        return None if held else self.store.open(session_id)

    def _opened(self, session_id: str, future: "Future[Conversation | None]") -> None:
        self._opening.discard(session_id)
        error = future.exception()
        if not isinstance(error, StoreError) and (conversation := future.result()) is not None:
            if session_id not in self._here:
                self._here[session_id] = Session(conversation)
            self._take(self._here[session_id], conversation)
        if session_id in self._awaited:
            self._awaited.discard(session_id)
            self.on_open(session_id, error if isinstance(error, StoreError) else self._here[session_id])

    def leave(self, session: Session) -> None:
        """Save the session and unlock it for other processes; forget it if it is new and empty."""
        if session.empty and session.reply is None and not self._was_given(session):
            self.forget(session)
        elif session.reply is None and session.id in self._here and not session.private:
            self.save(session)
            self._unwritten.pop(session.id, None)
            self.storage.do(partial(self.store.release, session.id), self._done)
            self._left.add(session.id)

    def put_away(self, session: Session) -> None:
        """Unload a session that was left, unless it has state that is not in the database."""
        more = session.unread or session.notice or session.typing.unsent or session.typing.editing is not None
        if session.id in self._left and not self.store.holds(session.id) and not more:
            self._left.discard(session.id)
            self._unload(session)

    def save(self, session: Session) -> "Future[None]":
        """Save changes; errors are in ``trouble``. The future is done after the write, failed or not."""
        gone = session.id not in self._here  # deleted, perhaps during a reply
        if gone or session.readonly or session.private or (session.empty and not self._was_given(session)):
            return saved()
        record = Record.of(session.conversation)
        unwritten, written = self._unwritten.get(session.id, (None, None))
        shown = session.title, session.mode, session.pinned, session.updated
        is_news = self._shown.get(session.id) != shown
        if not is_news and unwritten is not None and written is not None and unwritten.replace(record):
            return written
        newest = Unwritten(record)
        self._shown[session.id] = shown
        then = partial(self._saved, session)
        written = self.storage.do(lambda: self.store.write(newest.take()), then, is_news)
        self.last_write = written
        if not written.done():
            self._unwritten[session.id] = newest, written
        return written

    def _saved(self, session: Session, future: "Future[None]") -> None:
        try:
            future.result()
            self._new.discard(session.id)
        except StoreError as error:
            session.readonly = isinstance(error, OpenElsewhereError | ChangedElsewhereError)
            session.notify(str(error))
        self.listings.invalidate()

    def make_up_for_loss(self) -> str:
        """Save the sessions in memory again if the database was deleted, moved or replaced. Returns a notice."""
        self._look_around()
        self._seen = True
        said, self._lost = self._lost, ""
        return said

    def changed(self) -> bool:
        """True if another process has written since the last call."""
        if not self._seen:  # done just now by make_up_for_loss
            self._look_around()
        changed, self._changed, self._seen = self._changed, False, False
        return changed

    def _look_around(self) -> None:
        if not self.storage.late:
            self.storage.do(self._look, self._looked)

    def _look(self) -> tuple[set[str] | None, bool | StoreError]:
        """Runs on the storage thread. Ids that were open in a lost database, and if another process has written."""
        lost = self.store.lost()
        try:
            return lost, self.store.changed()
        except StoreError as error:
            return lost, error

    def _looked(self, future: "Future[tuple[set[str] | None, bool | StoreError]]") -> None:
        lost, changed = future.result()
        if isinstance(changed, StoreError):
            self._unreadable = str(changed)
        elif changed:
            self._changed = True
            self.listings.invalidate()
        if lost is not None:
            self._make_up(lost)

    def _make_up(self, were_open: set[str]) -> None:
        self._unwritten.clear()
        for session in self:
            if session.id in were_open:
                self.storage.do(
                    partial(self.store.restore, Record.of(session.conversation)), partial(self._saved, session)
                )
            else:
                self.save(session)
        for session_id in self._left:
            self.storage.do(partial(self.store.release, session_id), self._done)
        self._lost = f"{self.store.file} was deleted, moved or replaced. Open sessions were saved again."

    def delete(self, session: Session) -> None:
        """Delete it with its snapshot; ``add`` and ``save`` restore it. Raises StoreError if it is open elsewhere."""
        was_given = self._was_given(session)
        self._unwritten.pop(session.id, None)

        def delete() -> None:
            if was_given:
                self.store.delete(session.conversation)
            self.snapshots.remove(session.id)

        future = self.storage.ask(delete, partial(self._deleted, session))
        self.last_write = future
        if future.done():
            future.result()
        self._unload(session)
        self.listings.drop(session.id)

    def forget(self, session: Session) -> None:
        """Drop the session from memory."""
        self._unload(session)
        if session.engine is not None:
            session.engine.close()

    def _unload(self, session: Session) -> None:
        self._here.pop(session.id, None)
        self._shown.pop(session.id, None)

    def _deleted(self, session: Session, future: "Future[None]") -> None:
        self.listings.invalidate()
        if isinstance(error := future.exception(), StoreError) and session.id not in self._here:
            self._unreadable = str(error)  # cannot be raised any more

    def follow(self, session: Session) -> None:
        """Reload a read-only session, and lock it if no other process has it open any more."""
        if not self.storage.late:
            self.storage.ask(partial(self.store.open, session.id), partial(self._followed, session))

    def _followed(self, session: Session, future: "Future[Conversation]") -> None:
        try:
            self._take(session, future.result())
        except MissingError:
            session.deleted = True
            session.notify(DELETED_ELSEWHERE)
        except StoreError:
            pass  # keep the old state until it is readable again
        if session.id in self._left:  # meanwhile
            self.storage.do(partial(self.store.release, session.id), self._done)

    def _take(self, session: Session, conversation: Conversation) -> None:
        session.conversation = conversation
        readonly = not self.store.holds(session.id)
        if session.deleted or (session.readonly and not readonly):
            session.clear_notice()
        session.readonly, session.deleted = readonly, False

    def close(self) -> None:
        """Finish writing, within a time limit; ``unsaved`` tells if that failed."""
        self.storage.settle(CLOSING_SECONDS)
        self.make_up_for_loss()
        self.storage.settle(CLOSING_SECONDS)
        self.storage.do(self.store.close, self._done)
        self.storage.settle(CLOSING_SECONDS)
        self.storage.close()

    def _done(self, future: "Future[None]") -> None:
        """Invalidate the cached lists after a write."""
        self.listings.invalidate()
        future.result()

    def _lines(self, words: tuple[str, ...]) -> list[Line]:
        stored = self.listings.get(words)
        ours = {session.id: session for session in self._here.values() if self._ours(session.id)}
        known = {listing.id for listing in stored}
        new = [s for s in ours.values() if s.id not in known and has_words(s.shown_title, words)]
        return [Line.of(session, session) for session in reversed(new)] + [
            Line.of(ours.get(listing.id, listing), self._here.get(listing.id)) for listing in stored
        ]

    def _was_given(self, session: Session) -> bool:
        """True if the database has the session, or will have it before the next job of the storage thread."""
        return session.id not in self._new or session.id in self._unwritten

    def _ours(self, session_id: str) -> bool:
        """True if this process holds the write lock, so memory is authoritative."""
        return session_id in self._new or self.store.holds(session_id)


def session_manager(database: Path, snapshots: Path, limit: int) -> SessionManager:
    """Create a SessionManager. ``limit``: bytes for cache snapshots. Raises StoreError if the database is unusable."""
    return SessionManager(Store(database), Snapshots(snapshots, limit))
