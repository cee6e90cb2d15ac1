"""Action that changes the open session's system prompt and sampling parameters."""

from typing import Any

from tui.actions.context import ActionGroup
from tui.storage.store import OPEN_ELSEWHERE


class SettingsActions(ActionGroup):
    """Actions on the open session's settings."""

    def sampling(self) -> None:
        """Open the session's settings."""
        from tui.screens.session_settings import SettingsScreen  # when first opened: not needed for the first paint

        session = self.current
        if session.readonly:
            self._presenter.say(OPEN_ELSEWHERE)
        else:
            screen = SettingsScreen(session.mode, session.settings, self._services.sampling.defaults(session))
            self._app.push_screen(screen, self._save)

    def _save(self, chosen: dict[str, Any] | None) -> None:
        if chosen is not None:
            session = self.current
            session.change_settings(chosen)
            self._sessions.save(session)
            self._presenter.refresh()
            self._replies.recount(session)
