"""Action that changes the open session's system prompt, sampling parameters and context limit."""

from typing import Any

from tui.actions.context import ActionGroup
from tui.formatting.sampling import label, named, own_context
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
            session, before = self.current, self._chosen
            session.change_settings(chosen)
            self._sessions.save(session)
            self._presenter.refresh()
            self._replies.recount(session)
            told = _changes(before, self._chosen)
            context = self._services.models.context(session)
            if context and context < (own_context(session.settings) or 0):
                told.append(f"The context holds {context} tokens: the model and the free memory allow no more.")
            if told:
                self._presenter.say(" ".join(told))

    @property
    def _chosen(self) -> dict[str, Any]:
        """What the open session has set."""
        system = self.current.settings.get("system")
        return ({"system": system} if system else {}) | self._services.sampling.chosen(self.current)


def _changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """A sentence that says what was changed, if anything was."""
    if before == after:
        return []
    if not after:
        return ["Back to the default settings."]
    words = [_named(name, value) for name, value in after.items() if name not in before or before[name] != value]
    gone = [name for name in before if name not in after]
    words += ["no system prompt" if name == "system" else f"default {label(name)}" for name in gone]
    return [f"Saved: {', '.join(words)}."]


def _named(name: str, value: Any) -> str:
    return "system prompt set" if name == "system" else named(name, value)
