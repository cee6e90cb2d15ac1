"""The sessions of this process and those in the database, as one shelf to take them from and put them back."""

from collections.abc import Callable, Iterator
from pathlib import Path

from tui.config.settings import Settings
from tui.conversation.conversation import Conversation, Listing, Mode, has_words
from tui.services.modes import STRATEGIES
from tui.services.session import Line, Session
from tui.storage.cache_snapshots import Snapshots
from tui.storage.errors import ChangedElsewhereError, MissingError, OpenElsewhereError, StoreError
from tui.storage.store import Store

PAGE = 200
DELETED_ELSEWHERE = "Deleted in another llm-tui."


class SessionManager:
    """One session is open at a time, besides those that are being replied to; these are held for writing.

    ``listed``: how many sessions ``lines`` tells of at most.
    """

    def __init__(self, store: Store, snapshots: Snapshots) -> None:
        self.store = store
        self.snapshots = snapshots
        self.listed = PAGE
        self._here: dict[str, Session] = {}
        self._new: set[str] = set()  # those of them that were never on disk
        self._left: set[str] = set()  # those that others may write
        self._unreadable = ""
        self._words: tuple[str, ...] = ()  # that titles must have to be listed
        self._listings: dict[tuple[str, ...], list[Listing]] = {}  # what the database has, by such words

    def __iter__(self) -> Iterator[Session]:
        """Those that this process has in memory."""
        return iter(list(self._here.values()))

    @property
    def trouble(self) -> str:
        """Why something is in memory alone or cannot be read; empty when all is on disk."""
        return self.store.trouble or self._unreadable

    @property
    def complete(self) -> bool:
        """Whether ``lines`` leaves none out."""
        return len(self._read(self._words)) < self.listed

    def more(self) -> None:
        """Let ``lines`` tell of another page of sessions."""
        self.listed += PAGE
        self._listings.clear()

    def filter(self, text: str) -> None:
        """Let ``lines`` tell only of sessions with all words of ``text`` in their titles; of all, for none."""
        self._words = tuple(text.casefold().split())
        self.listed = PAGE
        self._listings.clear()

    def retry(self) -> None:
        """Try again to put on disk what could not be; only then others may write what was left meanwhile."""
        self._unreadable = ""
        self._listings.clear()
        self.store.flush()
        for session_id in self._left:
            self.store.release(session_id)

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
            session.notice = f"This session has no available model; using {session.model}. Press F4 to change it."
        return session

    def typed(self, limit: int) -> list[str]:
        """The person's own messages, the newest first; those that cannot be read now are left out."""
        try:
            return self.store.typed(limit)
        except StoreError:
            return []

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
        """The session, to be written if nobody else has it open. Raises StoreError if it cannot be read."""
        self._left.discard(session_id)
        session = self._here.get(session_id)
        if session is not None and self._ours(session_id):
            return session
        conversation = self.store.open(session_id)
        if session is None:
            session = self._here[session_id] = Session(conversation)
        self._take(session, conversation)
        return session

    def leave(self, session: Session) -> None:
        """Another session is shown from now on: others may write this one."""
        if session.empty and session.reply is None and session.id in self._new:
            self.forget(session)
        elif session.reply is None and session.id in self._here:
            self.save(session)
            self.store.release(session.id)
            self._left.add(session.id)

    def put_away(self, session: Session) -> None:
        """Have it in the database alone, unless there is more to it than that."""
        more = session.unread or session.notice or session.typing.unsent or session.typing.editing is not None
        if session.id in self._left and not self.store.holds(session.id) and not more:
            self._left.discard(session.id)
            self._here.pop(session.id, None)

    def save(self, session: Session) -> None:
        """Put on disk what has changed, or say why not in ``trouble``."""
        gone = session.id not in self._here  # deleted, perhaps while it was being replied to
        if gone or session.readonly or (session.empty and session.id in self._new):
            return
        self._put(session, self.store.save)

    def _put(self, session: Session, put: Callable[[Conversation], None]) -> None:
        try:
            put(session.conversation)
            self._new.discard(session.id)
        except StoreError as error:
            session.readonly = isinstance(error, OpenElsewhereError | ChangedElsewhereError)
            session.notice = str(error)
        self._listings.clear()

    def make_up_for_loss(self) -> str:
        """What to say if the database was deleted, moved or replaced: what is in memory is in the one there is now."""
        were_open = self.store.lost()
        if were_open is None:
            return ""
        self._listings.clear()
        for session in self:
            if session.id in were_open:
                self._put(session, self.store.restore)
            else:
                self.save(session)
        for session_id in self._left:
            self.store.release(session_id)
        return f"{self.store.file} was deleted, moved or replaced. Open sessions were saved again."

    def delete(self, session: Session) -> None:
        """Remove it with all that was kept for it; ``save`` puts it back. Raises StoreError if it is open elsewhere."""
        if session.id not in self._new:
            self.store.delete(session.conversation)
        self.snapshots.remove(session.id)
        self._here.pop(session.id, None)
        self._listings.clear()

    def forget(self, session: Session) -> None:
        """Keep it in memory no longer."""
        self._here.pop(session.id, None)
        if session.engine is not None:
            session.engine.close()

    def changed(self) -> bool:
        """Whether another process has written since this was asked last."""
        try:
            changed = self.store.changed()
        except StoreError as error:
            self._unreadable = str(error)
            return False
        if changed:
            self._listings.clear()
        return changed

    def follow(self, session: Session) -> None:
        """Bring a session that is only read here up to date; it is ours once nobody else has it open."""
        try:
            self._take(session, self.store.open(session.id))
        except MissingError:
            session.deleted, session.notice = True, DELETED_ELSEWHERE
        except StoreError:
            pass  # it stays as it is until it can be read again

    def _take(self, session: Session, conversation: Conversation) -> None:
        session.conversation = conversation
        readonly = not self.store.holds(session.id)
        if session.deleted or (session.readonly and not readonly):
            session.notice = ""
        session.readonly, session.deleted = readonly, False
        ended = session.tip.outcome if session.tip else None
        if not session.readonly and ended and ended.reason == "interrupted":
            session.notice = STRATEGIES[session.mode].interrupted or session.notice

    def close(self) -> None:
        self.make_up_for_loss()
        self.store.close()

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
        if words not in self._listings:
            try:
                self._listings[words] = self.store.sessions(self.listed, words=words)
            except StoreError as error:
                self._unreadable = str(error)
                return []
        return self._listings[words]


def session_manager(database: Path, snapshots: Path, limit: int) -> SessionManager:
    """``limit``: bytes for cache snapshots. Raises StoreError for a database that cannot be used."""
    return SessionManager(Store(database), Snapshots(snapshots, limit))
