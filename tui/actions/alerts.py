"""What the user is told in the terminal's title, and when a reply ends that nobody looks at."""

import os

from tui.actions.context import ActionContext, ActionGroup
from tui.config.settings import Settings
from tui.services.replies import ReplyChange
from tui.services.session import State
from tui.terminal.notification import notification

# As in the session list; a reply in another session that was not read yet also counts.
MARKS: dict[State, str] = {"idle": "", "queued": "◌ ", "streaming": "◐ ", "unread": "● "}


class Alerts(ActionGroup):
    """Speaks to those who look elsewhere."""

    def __init__(self, context: ActionContext, settings: Settings) -> None:
        super().__init__(context)
        self._kind = settings.notify

    @property
    def title(self) -> str:
        """The open session's name and state, for the terminal's title."""
        state = self.current.state
        if state == "idle" and any(session.state == "unread" for session in self._sessions):
            state = "unread"
        return f"{MARKS[state]}{self.current.public_title} · llm-tui"

    def reply_ended(self, change: ReplyChange) -> str:
        """The sequence that tells of the end of a reply; empty if it is seen, was stopped, or another one follows."""
        session, outcome = change.session, change.node.outcome
        seen = self._app.app_focus and session is self.current
        stopped = outcome is not None and outcome.reason == "cancelled"
        if seen or stopped or session.reply is not None:
            return ""
        return notification(self._kind, f"Reply finished: {session.public_title}", os.environ)
