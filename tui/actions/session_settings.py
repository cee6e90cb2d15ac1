"""The action that changes the open session's system prompt and sampling parameters."""

from typing import Any

from tui.actions.context import ActionContext
from tui.storage.store import OPEN_ELSEWHERE


class SettingsActions:
    """Opens the settings of the session."""

    def __init__(self, context: ActionContext) -> None:
        self._app = context.app
        self._presenter = context.presenter
        self._workspace = context.services.workspace
        self._sessions = context.services.sessions
        self._replies = context.services.replies
        self._sampling = context.services.sampling

    def sampling(self) -> None:
        """Open the session's settings."""
        from tui.screens.session_settings import SettingsScreen  # when first opened: not needed for the first paint

        session = self._workspace.current
        if session.readonly:
            self._presenter.say(OPEN_ELSEWHERE)
        else:
            screen = SettingsScreen(session.mode, session.settings, self._sampling.defaults(session))
            self._app.push_screen(screen, self._save)

    def _save(self, chosen: dict[str, Any] | None) -> None:
        if chosen is not None:
            session = self._workspace.current
            session.change_settings(chosen)
            self._sessions.save(session)
            self._presenter.refresh()
            self._replies.recount(session)
