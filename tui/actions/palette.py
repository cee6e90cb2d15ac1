"""The command palette's entries: actions, sessions and models."""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from tui.actions.command_names import command_name
from tui.actions.context import ActionGroup
from tui.actions.registry import Action, Actions
from tui.actions.synonyms import SYNONYMS
from tui.config.keymap import PLACES, Where, first_labels
from tui.config.remotes import host_of
from tui.conversation.speakers import model_name
from tui.formatting.units import age
from tui.process.in_thread import in_thread
from tui.screens.command_palette import Entry, PaletteScreen
from tui.terminal.sanitize import one_line

# Likely actions by the focused context, the likeliest first. They are listed first, after the recent ones.
LIKELY: dict[Where, tuple[str, ...]] = {
    "anywhere": (),
    "input": ("new_session", "search", "choose_model", "sampling", "regenerate", "toggle_mode", "help"),
    "messages": ("regenerate", "edit", "roll_back", "fork", "continue_reply", "copy_message", "copy_code", "find"),
    "story": ("continue_story", "next_alternative", "previous_alternative", "save_story", "sampling", "new_session"),
    "sessions": ("rename_session", "pin_session", "delete_session", "restore_session", "filter_sessions", "search"),
}
# Actions that are of no use here.
UNLISTED = ("palette",)
# Number of recent actions listed first, and of sessions searched.
RECENT, SEARCHED = 3, 200


class PaletteEntries(ActionGroup):
    """Opens the command palette and provides its entries."""

    def __init__(self, actions: Actions) -> None:
        super().__init__(actions.context)
        self._actions = actions
        self._recent: list[str] = []  # ids of actions chosen here, newest first

    def open(self) -> None:
        """Open the palette; close it if it is open."""
        if isinstance(front := self._app.front, PaletteScreen):
            front.dismiss(None)
        else:
            self._app.push_screen(PaletteScreen(list(self.entries()), self._models), self._run)

    def _run(self, entry: Entry | None) -> None:
        if entry is not None:
            self._recent = [entry.id, *(name for name in self._recent if name != entry.id)]
            entry.run()

    def entries(self) -> Iterator[Entry]:
        """Yield recent actions, likely ones, the latest sessions, then all other actions by context."""
        focused = self._screen.attended
        actions = {each.id: each for each in self._available()}
        keys = first_labels(self._appearance.keymap)

        def take(group: str, names: Sequence[str]) -> Iterator[Entry]:
            for name in names:
                if action := actions.pop(name, None):
                    run = partial(self._actions.do, name)
                    yield Entry(
                        name, group, action.title, keys.get(name, ""), run, command_name(name), SYNONYMS.get(name, "")
                    )

        yield from take("Recent", [name for name in self._recent if name in actions][:RECENT])
        stopping = ("stop",) if self.current.reply is not None else ()
        yield from take("Suggested", (*stopping, *LIKELY[focused]))
        yield from self._targets()
        for place in sorted(PLACES, key=lambda place: place != focused):
            yield from take(PLACES[place], [name for name, action in actions.items() if action.context == place])

    def _available(self) -> Iterator[Action]:
        """The actions of the open session's mode."""
        return (each for each in self._actions if each.available(self.current.mode) and each.id not in UNLISTED)

    def _targets(self) -> Iterator[Entry]:
        """The other sessions, the latest first."""
        lines = [line for line in self._sessions.lines(filtered=False) if line.id != self.current.id]
        for line in sorted(lines, key=lambda line: -line.updated)[:SEARCHED]:
            run = partial(self._actions.application.open, line.id)
            about = " · ".join(["story"] * (line.mode == "story") + [age(time.time() - line.updated)])
            yield Entry(line.id, "Go to session", line.title, about, run, f"session: {line.title}", limited=True)

    async def _models(self) -> list[Entry]:
        """The models that are here, the one in use excepted."""
        models = self._services.models
        names = [name for name in await in_thread(models.installed) if name != self.current.model]
        return [_model(name, partial(self._actions.models.use_named, name)) for name in names]


def _model(name: str, run: Callable[[], None]) -> Entry:
    """The entry of a model: its name, and where it is."""
    place = host_of(name) or Path(name).parent.name
    return Entry(name, "Use model", model_name(name), one_line(place), run, f"model: {name}", limited=True)
