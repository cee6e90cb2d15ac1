"""The command palette's entries: actions, sessions and models."""

from collections.abc import Iterator, Sequence
from functools import partial

from textual.app import SystemCommand

from tui.actions.context import ActionContext
from tui.actions.registry import Actions
from tui.config.keymap import PLACES, Key
from tui.screens.command_palette import Palette, Target, model_targets, session_target, target_provider
from tui.widgets.plain_text import plain


class PaletteEntries:
    """Opens the command palette and provides its entries."""

    def __init__(self, context: ActionContext, actions: Actions) -> None:
        self._context = context
        self._actions = actions

    def open(self) -> None:
        """Open the palette, unless it is open."""
        app = self._context.app
        if not isinstance(app.screen, Palette):
            self._context.services.onboarding.done("palette")
            targets = target_provider(self._sessions, self._models)
            app.push_screen(Palette({*app.COMMANDS, targets}, id="--command-palette"))

    def commands(self) -> Iterator[SystemCommand]:
        """Yield the actions available in the open session's mode, each with its keys."""
        abouts = {key.id: _key_and_place(key) for key in self._context.appearance.keymap}
        for action in self._actions:
            if action.available(self._context.services.workspace.current.mode) and action.id != "palette":
                about = abouts.get(action.id, "Colours, with a preview")
                yield SystemCommand(action.title, plain(about), partial(self._actions.do, action.id))  # type: ignore[arg-type]

    def _sessions(self) -> Sequence[Target]:
        open_session = self._actions.application.open
        return [
            session_target(line.title, line.mode, partial(open_session, line.id))
            for line in self._context.services.sessions.lines()
        ]

    def _models(self) -> Sequence[Target]:
        return model_targets(self._context.services.models.directories, self._actions.models.use_named)


def _key_and_place(key: Key) -> str:
    """The key as it is displayed, and where it works unless that is anywhere."""
    return key.label if key.where == "anywhere" else f"{key.label} ({PLACES[key.where].lower()})"
