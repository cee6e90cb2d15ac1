"""Actions on whole sessions: rename, pin, filter, delete, restore."""

from collections.abc import Callable

from tui.actions.context import ActionGroup
from tui.config.key_names import key_name
from tui.messages import SessionChanged
from tui.services.session import Session
from tui.storage.errors import StoreError


class SessionActions(ActionGroup):
    """Actions on the highlighted session while the list has the focus, else on the open one."""

    @property
    def _wanted(self) -> str | None:
        """Id of the session to act on; None if the focused list is empty."""
        sidebar = self._screen.sidebar
        return sidebar.highlighted_id if sidebar.has_focus_within else self.current.id

    # ---- titles

    def rename_session(self) -> None:
        """Start inline renaming."""
        if not self._screen.sidebar.has_focus_within:
            self.filter("")  # so that the open session is listed
        for line in self._sessions.lines():
            if line.id == self._wanted:
                self._screen.rename(line.id, line.given or line.title)

    def rename(self, session_id: str, title: str) -> None:
        """Set the title; an empty one is replaced by the session's first words."""
        self._change(session_id, lambda session: session.rename(title))

    def rename_current(self, title: str) -> None:
        """Set the title of the open session."""
        self.rename(self.current.id, title)

    def filter_sessions(self, words: str = "") -> None:
        """Start filtering the list by title."""
        self._screen.filter_sessions(words)

    def filter(self, text: str) -> None:
        """List the sessions with all words of ``text`` in their titles."""
        self._sessions.listings.filter(text)
        self._presenter.refresh()

    def changed(self, event: SessionChanged) -> None:
        """Show a change by another process, if the session is open."""
        if event.session is self.current:
            self._presenter.show_draft()
            self._presenter.show(to_end=False)

    # ---- pins

    def pin_session(self) -> None:
        """Pin the session, or unpin it. Pinned sessions are listed first."""
        if self._wanted is not None:
            self._change(self._wanted, lambda session: session.toggle_pin())

    # ---- deleting

    def delete_session(self) -> None:
        """Delete the session. It can be restored until the program ends."""
        if (wanted := self._wanted) is None:
            return
        self._presenter.collect()
        try:
            session = self._workspace.delete(wanted)
        except StoreError as error:
            self._refuse(wanted, str(error))
            return
        self.current.notify(f"Deleted “{session.shown_title}”. {self._way_to_restore()} restores it until you quit.")
        self._presenter.show()

    def _way_to_restore(self) -> str:
        """The keys; in the list no way there, but its name, since the notice stays when the list is left."""
        restore = key_name("restore_session")
        if self._screen.sidebar.has_focus_within:
            return f"{restore} in the list"
        return f"{key_name('switch_session')}, then {restore},"

    def restore_session(self) -> None:
        """Restore the session that was deleted last, of those not restored yet, and open it."""
        self._presenter.collect()
        if session := self._workspace.restore():
            self.current.clear_notice()
            self._workspace.enter(session)
            self._presenter.show()
            self._replies.recount(session)
        else:
            self._presenter.say("No session was deleted since llm-tui started.")

    def _change(self, session_id: str, change: Callable[[Session], None]) -> None:
        try:
            self._workspace.change(session_id, change)
        except StoreError as error:
            self._refuse(session_id, str(error))
        else:
            self._presenter.refresh()

    def _refuse(self, session_id: str, reason: str) -> None:
        """Show the reason, after the session's title unless it is the open one."""
        current = self.current.id
        other = [line.title for line in self._sessions.lines() if line.id == session_id != current]
        self._presenter.say("".join(f"“{title}”: " for title in other) + reason)
