"""The sessions of this process and those in the database, as one shelf to take them from and put them back.

What waits for the disk is done by the storage thread. Usually it is done at once; on a slow disk the interface goes on
with what is known, and is told when there is more.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from tui.config.settings import Settings
from tui.conversation.conversation import Conversation, Listing, Mode, has_words
from tui.services.modes import STRATEGIES
from tui.services.reply import saved
from tui.services.session import Line, Session
from tui.storage.cache_snapshots import Snapshots
from tui.storage.errors import ChangedElsewhereError, MissingError, OpenElsewhereError, OpeningError, StoreError
from tui.storage.rows import Record
from tui.storage.storage_thread import StorageThread, Unwritten
from tui.storage.store import Store

PAGE = 200
DELETED_ELSEWHERE = "Deleted in another llm-tui."
SLOW = "The disk is slow: not everything is saved yet."
# Seconds that the end of the program waits for the disk.
CLOSING_SECONDS = 10.0


class SessionManager:
    """One session is open at a time, besides those that are being replied to; these are held for writing.

    ``listed``: how many sessions ``lines`` tells of at most.
    """

    def __init__(self, store: Store, snapshots: Snapshots) -> None:
        """``on_news`` is called when the disk has answered late; ``on_open``, when it has given a session that
        somebody waits for, or why it has not.
        """
        self.store = store
        self.snapshots = snapshots
        self.listed = PAGE
        self.on_news: Callable[[], object] = lambda: None
        self.on_open: Callable[[str, Session | StoreError], object] = lambda session_id, opened: None
        self._storage = StorageThread(lambda: self.on_news())
        self._here: dict[str, Session] = {}
        self._new: set[str] = set()  # those of them that were never on disk
        self._left: set[str] = set()  # those that others may write
        self._unreadable = ""
        self._words: tuple[str, ...] = ()  # that titles must have to be listed
        self._listings: dict[tuple[str, ...], list[Listing]] = {}  # what the database has, by such words
        self._current: set[tuple[str, ...]] = set()  # those of them that are as the database has them, or will be soon
        self._typed: list[str] = []
        self._opening: set[str] = set()
        self._awaited: set[str] = set()  # those of them that somebody was told to wait for
        self._unwritten: dict[str, tuple[Unwritten, Future[None]]] = {}
        self._lost = ""  # what to say of a lost database
        self._changed = False  # another process has written
        self._seen = False

    def __iter__(self) -> Iterator[Session]:
        """Those that this process has in memory."""
        return iter(list(self._here.values()))

    @property
    def trouble(self) -> str:
        """Why something is in memory alone or cannot be read; empty when all is on disk."""
        return self.store.trouble or self._unreadable or (SLOW if self._storage.stuck else "")

    @property
    def unsaved(self) -> bool:
        """Whether there is something that is not on disk yet."""
        return self.store.unsaved or self._storage.late

    @property
    def complete(self) -> bool:
        """Whether ``lines`` leaves none out."""
        return len(self._read(self._words)) < self.listed

    def more(self) -> None:
        """Let ``lines`` tell of another page of sessions."""
        self.listed += PAGE
        self._current.clear()

    def filter(self, text: str) -> None:
        """Let ``lines`` tell only of sessions with all words of ``text`` in their titles; of all, for none."""
        self._words = tuple(text.casefold().split())
        self.listed = PAGE
        self._current.clear()

    def retry(self) -> None:
        """Try again to put on disk what could not be; only then others may write what was left meanwhile."""
        if self._storage.late:
            return
        self._unreadable = ""
        self._current.clear()
        left = list(self._left)

        def again() -> None:
            self.store.flush()
            for session_id in left:
                self.store.release(session_id)

        self._storage.do(again, self._done)

    def lines(self) -> list[Line]:
        """New sessions first, then as the database has them: the pinned ones, then the others, newest first."""
        return self._lines(self._words)

    def latest(self, mode: Mode | None = None) -> str | None:
        """The session that was used last, of that kind."""
        lines = [line for line in self._lines(()) if mode in (None, line.mode)]
        return max(lines, key=lambda line: line.updated).id if lines else None

    def latest_model(self, mode: Mode) -> str:
        """The model that this kind of session was used with last; empty if there was none."""
        listings = [listing for listing in self._read(()) if listing.mode == mode and listing.model]
        return max(listings, key=lambda listing: listing.updated).model if listings else ""

    def usual_model(self, mode: Mode, settings: Settings) -> str:
        """Each mode goes on with the model it was used with last, unless one is named on the command line."""
        named = STRATEGIES[mode].default_model(settings)
        return named if f"{mode}_model" in settings.flags else self.latest_model(mode) or named

    def with_model(self, session: Session, settings: Settings) -> Session:
        """What was imported need not have one that is here: then it goes on with the usual one."""
        if not session.model:
            session.use_model(self.usual_model(session.mode, settings))
            session.notify(f"This session has no available model; using {session.model}. Press F4 to change it.")
        return session

    def typed(self, limit: int) -> list[str]:
        """The person's own messages, the newest first; those that cannot be read now are left out."""
        self._storage.do(partial(self.store.typed, limit), self._take_typed)
        return self._typed

    def _take_typed(self, future: "Future[list[str]]") -> None:
        self._typed = [] if future.exception() else future.result()

    def new(self, mode: Mode, model: str) -> Session:
        """A session that is not on disk until there is something in it."""
        return self.add(Session(Conversation(mode, model=model)))

    def add(self, session: Session) -> Session:
        """Take in a session that was made here."""
        self._here[session.id] = session
        self._new.add(session.id)
        self._left.discard(session.id)
        return session

    def open(self, session_id: str) -> Session:
        """The session, to be written if nobody else has it open.

        Raises StoreError if it cannot be read, OpeningError while it is being read: then ``on_open`` tells.
        """
        session = self._here.get(session_id)
        if session is not None and session_id not in self._left and self._ours(session_id):
            return session
        if session_id not in self._opening:
            self._left.discard(session_id)
            self._unwritten.pop(session_id, None)
            self._opening.add(session_id)
            future = self._storage.do(partial(self._read_session, session_id), partial(self._opened, session_id))
            if session_id not in self._opening:
                future.result()
                return self._here[session_id]
            self._awaited.add(session_id)
        raise OpeningError(session_id)

    def _read_session(self, session_id: str) -> Conversation | None:
        """On the storage thread; None where what is in memory counts, because it could not be written yet."""
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
        """Another session is shown from now on: others may write this one."""
        if session.empty and session.reply is None and session.id in self._new:
            self.forget(session)
        elif session.reply is None and session.id in self._here:
            self.save(session)
            self._unwritten.pop(session.id, None)
            self._storage.do(partial(self.store.release, session.id), self._done)
            self._left.add(session.id)

    def put_away(self, session: Session) -> None:
        """Have it in the database alone, unless there is more to it than that."""
        more = session.unread or session.notice or session.typing.unsent or session.typing.editing is not None
        if session.id in self._left and not self.store.holds(session.id) and not more:
            self._left.discard(session.id)
            self._here.pop(session.id, None)

    def save(self, session: Session) -> "Future[None]":
        """Put on disk what has changed, or say why not in ``trouble``. The future is done when that is through."""
        gone = session.id not in self._here  # deleted, perhaps while it was being replied to
        if gone or session.readonly or (session.empty and session.id in self._new):
            return saved()
        record = Record.of(session.conversation)
        unwritten, written = self._unwritten.get(session.id, (None, None))
        if unwritten is not None and written is not None and unwritten.replace(record):
            return written
        newest = Unwritten(record)
        written = self._storage.do(lambda: self.store.write(newest.take()), partial(self._saved, session))
        if self._storage.late:
            self._unwritten[session.id] = newest, written
        return written

    def _saved(self, session: Session, future: "Future[None]") -> None:
        try:
            future.result()
            self._new.discard(session.id)
        except StoreError as error:
            session.readonly = isinstance(error, OpenElsewhereError | ChangedElsewhereError)
            session.notify(str(error))
        self._current.clear()

    def make_up_for_loss(self) -> str:
        """What to say if the database was deleted, moved or replaced: what is in memory is in the one there is now."""
        self._look_around()
        self._seen = True
        said, self._lost = self._lost, ""
        return said

    def changed(self) -> bool:
        """Whether another process has written since this was asked last."""
        if not self._seen:  # just now, for the other question
            self._look_around()
        changed, self._changed, self._seen = self._changed, False, False
        return changed

    def _look_around(self) -> None:
        if not self._storage.late:
            self._storage.do(self._look, self._looked)

    def _look(self) -> tuple[set[str] | None, bool | StoreError]:
        """On the storage thread: what was open and is lost, and whether another process has written."""
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
            self._current.clear()
        if lost is not None:
            self._make_up(lost)

    def _make_up(self, were_open: set[str]) -> None:
        self._unwritten.clear()
        for session in self:
            if session.id in were_open:
                self._storage.do(
                    partial(self.store.restore, Record.of(session.conversation)), partial(self._saved, session)
                )
            else:
                self.save(session)
        for session_id in self._left:
            self._storage.do(partial(self.store.release, session_id), self._done)
        self._lost = f"{self.store.file} was deleted, moved or replaced. Open sessions were saved again."

    def delete(self, session: Session) -> None:
        """Remove it with all that was kept for it; ``save`` puts it back. Raises StoreError if it is open elsewhere."""
        self._unwritten.pop(session.id, None)
        stored = session.id not in self._new

        def delete() -> None:
            if stored:
                self.store.delete(session.conversation)
            self.snapshots.remove(session.id)

        future = self._storage.do(delete, partial(self._deleted, session))
        if future.done():
            future.result()
        self._here.pop(session.id, None)
        for listings in self._listings.values():
            listings[:] = [listing for listing in listings if listing.id != session.id]

    def forget(self, session: Session) -> None:
        """Keep it in memory no longer."""
        self._here.pop(session.id, None)
        if session.engine is not None:
            session.engine.close()

    def _deleted(self, session: Session, future: "Future[None]") -> None:
        self._current.clear()
        if isinstance(error := future.exception(), StoreError) and session.id not in self._here:
            self._unreadable = str(error)  # too late to be raised

    def follow(self, session: Session) -> None:
        """Bring a session that is only read here up to date; it is ours once nobody else has it open."""
        if not self._storage.late:
            self._storage.do(partial(self.store.open, session.id), partial(self._followed, session))

    def _followed(self, session: Session, future: "Future[Conversation]") -> None:
        try:
            self._take(session, future.result())
        except MissingError:
            session.deleted = True
            session.notify(DELETED_ELSEWHERE)
        except StoreError:
            pass  # it stays as it is until it can be read again
        if session.id in self._left:  # meanwhile
            self._storage.do(partial(self.store.release, session.id), self._done)

    def _take(self, session: Session, conversation: Conversation) -> None:
        session.conversation = conversation
        readonly = not self.store.holds(session.id)
        if session.deleted or (session.readonly and not readonly):
            session.clear_notice()
        session.readonly, session.deleted = readonly, False
        ended = session.tip.outcome if session.tip else None
        if not session.readonly and ended and ended.reason == "interrupted":
            session.notify(STRATEGIES[session.mode].interrupted or session.notice)

    def close(self) -> None:
        """Wait for the disk, but not for ever: ``unsaved`` tells."""
        self._storage.settle(CLOSING_SECONDS)
        self.make_up_for_loss()
        self._storage.do(self.store.close, self._done)
        self._storage.settle(CLOSING_SECONDS)
        self._storage.close()

    def _done(self, future: "Future[None]") -> None:
        """Something was written: the lists are to be read again."""
        self._current.clear()
        future.result()

    def _lines(self, words: tuple[str, ...]) -> list[Line]:
        stored = self._read(words)
        ours = {session.id: session for session in self._here.values() if self._ours(session.id)}
        known = {listing.id for listing in stored}
        new = [s for s in ours.values() if s.id not in known and has_words(s.shown_title, words)]
        return [Line.of(session, session) for session in reversed(new)] + [
            Line.of(ours.get(listing.id, listing), self._here.get(listing.id)) for listing in stored
        ]

    def _ours(self, session_id: str) -> bool:
        """Whether nobody else may have changed it: what is in memory is what counts."""
        return session_id in self._new or self.store.holds(session_id)

    def _read(self, words: tuple[str, ...]) -> list[Listing]:
        """What the database has, as far as it is known; if that may have changed, it is read."""
        if words not in self._current:
            self._current.add(words)
            self._storage.do(partial(self.store.sessions, self.listed, words=words), partial(self._take_list, words))
        if words not in self._listings:
            return [listing for listing in self._listings.get((), []) if has_words(listing.shown_title, words)]
        return self._listings[words]

    def _take_list(self, words: tuple[str, ...], future: "Future[list[Listing]]") -> None:
        for other in self._listings.keys() - {(), self._words}:
            del self._listings[other]
        try:
            self._listings[words] = future.result()
        except StoreError as error:
            self._unreadable = str(error)
            self._listings[words] = []


def session_manager(database: Path, snapshots: Path, limit: int) -> SessionManager:
    """``limit``: bytes for cache snapshots. Raises StoreError for a database that cannot be used."""
    return SessionManager(Store(database), Snapshots(snapshots, limit))
