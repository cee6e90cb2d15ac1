"""Action that changes the open session's system prompt, sampling parameters and context limit."""

from typing import Any

from tui.actions.context import ActionGroup
from tui.formatting.sampling import own_context
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
            defaults, model = self._services.sampling.defaults(session), self._services.models.model(session)
            defaults |= {"context": model.context} if model else {}
            switches, chosen = self._services.sampling.switches(session), self._services.sampling.switched(session)
            screen = SettingsScreen(session.mode, session.settings, defaults, switches, chosen)
            self._app.push_screen(screen, self._save)

    def _save(self, chosen: dict[str, Any] | None) -> None:
        if chosen is not None:
            session = self.current
            session.change_settings(chosen)
            self._sessions.save(session)
            self._presenter.refresh()
            self._replies.recount(session)
            context = self._services.models.context(session)
            if context and context < (own_context(session.settings) or 0):
                self._presenter.say(f"The context holds {context} tokens: the model and the free memory allow no more.")
