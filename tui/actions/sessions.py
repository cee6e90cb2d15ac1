"""What can be done with whole sessions: renamed, pinned, found by title, deleted."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tui.process.in_thread import in_thread
from tui.services.session import Session
from tui.services.sessions import Library
from tui.storage.errors import StoreError
from tui.storage.store import OPEN_ELSEWHERE

if TYPE_CHECKING:
    from tui.screens.main import MainScreen
    from tui.services.replies import Desk
    from tui.services.workspace import Controller

WARM = 4  # sessions that were left and can be gone back to at once


class Filing:
    """Acts on the session that is highlighted while the list has the focus, else on the one that is open."""

    def __init__(self, controller: "Controller", screen: "MainScreen", library: Library, desk: "Desk") -> None:
        self._controller = controller
        self._screen = screen
        self._library = library
        self._desk = desk
        self._deleted: Session | None = None
        self._left: list[Session] = []  # the last one is the one that was left last

    @property
    def wanted(self) -> str | None:
        """The id of the session that is acted on; None where the list has the focus and shows none."""
        sidebar = self._screen.sidebar
        return sidebar.highlighted_id if sidebar.has_focus_within else self._controller.current.id

    # ---- titles

    def rename_session(self) -> None:
        """Offer the title for editing where it stands in the list."""
        if not self._screen.sidebar.has_focus_within:
            self.filter("")  # the one that is open must be in the list
        for line in self._library.lines():
            if line.id == self.wanted:
                self._screen.rename(line.id, line.given or line.title)

    def rename(self, session_id: str, title: str) -> None:
        """Without a title its first words stand for it again."""

        def change(session: Session) -> None:
            session.title = title.strip()

        self._change(session_id, change)

    def filter_sessions(self, words: str = "") -> None:
        self._screen.filter_sessions(words)

    def filter(self, text: str) -> None:
        """List the sessions with all words of ``text`` in their titles."""
        self._library.filter(text)
        self._controller.refresh()

    # ---- pins

    def pin_session(self) -> None:
        """Pinned sessions stand before all others."""

        def change(session: Session) -> None:
            session.pinned = not session.pinned

        if self.wanted is not None:
            self._change(self.wanted, change)

    # ---- deleting

    def delete_session(self) -> None:
        """It can be brought back, until another one is deleted."""
        controller, wanted = self._controller, self.wanted
        if wanted is None:
            return
        controller.collect()
        try:
            session = controller.current if wanted == controller.current.id else self._library.open(wanted)
            self._desk.stop(session)
            self._library.delete(session)
        except StoreError as error:
            self._refuse(wanted, str(error))
            return
        controller.keeping.pop(session.id, None)
        if self._deleted:
            self._free(self._deleted)
        self._deleted = session
        if session is controller.current:
            controller.current = controller.last_or_new(session.mode)
        controller.current.notice = f"Deleted “{session.shown_title}”. Ctrl+O, then u, brings it back."
        controller.show()

    def restore_session(self) -> None:
        if self._deleted:
            session, self._deleted = self._deleted, None
            self._library.add(session)
            self._library.save(session)
            session.computed = session.engine is not None  # its snapshot was deleted with it
            self._controller.current.notice = ""
            self._controller.enter(session)

    def _free(self, session: Session) -> None:
        """Give back what a deleted session still holds."""
        if session.engine:
            session.engine.close()
        self._screen.give_up(session)

    # ---- what is kept in memory

    def put_away(self, left: Session) -> None:
        """A session that was left keeps what it holds in memory, until some others were left after it; after that it
        has its text in the database and what was computed in a file.
        """
        current = self._controller.current
        self._left = [session for session in self._left if session not in (left, current)] + [left]
        idle = [session for session in self._left if session.reply is None]
        for session in idle[:-WARM]:
            self._left.remove(session)
            self._screen.give_up(session)
            self._screen.run_worker(in_thread(self._desk.part(session)))
            self._controller.keeping.pop(session.id, None)
            self._library.put_away(session)

    def _change(self, session_id: str, change: Callable[[Session], None]) -> None:
        """Change what is known about a session, open or not, and put it on disk."""
        controller, library = self._controller, self._library
        try:
            session = controller.current if session_id == controller.current.id else library.open(session_id)
        except StoreError as error:
            self._refuse(session_id, str(error))
            return
        if session.readonly:
            self._refuse(session_id, OPEN_ELSEWHERE)
        else:
            change(session)
            library.save(session)
        if session is not controller.current:
            library.leave(session)
        controller.refresh()

    def _refuse(self, session_id: str, reason: str) -> None:
        """Say why not; and of which session that is so, where it is not the one that is shown."""
        other = [line.title for line in self._library.lines() if line.id == session_id != self._controller.current.id]
        self._controller.say("".join(f"“{title}”: " for title in other) + reason)
