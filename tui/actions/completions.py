"""What completes a slash command: commands, then the sessions, models, themes or files that they take."""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from tui.actions.context import ActionContext, ActionGroup
from tui.actions.registry import Actions
from tui.actions.slash_commands import SlashCommands
from tui.actions.synonyms import SYNONYMS
from tui.config.keymap import first_labels
from tui.formatting.matching import BEGINNING, SYNONYM, WORDS, matching
from tui.formatting.units import age
from tui.process.in_thread import FILES, in_thread
from tui.storage.text_files import list_names
from tui.terminal.sanitize import one_line
from tui.widgets.completion_list import Completion

# Most rows of a list; typing makes it shorter.
LISTED = 100


class Completions(ActionGroup):
    """Completes the input's text at once from what is known. What must be read is read on another thread, one read at a
    time, and the input asks again.
    """

    def __init__(self, context: ActionContext, actions: Actions, commands: SlashCommands) -> None:
        super().__init__(context)
        self._actions = actions
        self._commands = commands
        self._arguments: dict[str, Callable[[str, str], Iterator[Completion]]] = {
            "switch-session": self._session,
            "model": self._model,
            "themes": self._theme,
            **dict.fromkeys(("file", "import", "export", "save-message", "save-code"), self._file),
        }
        self._names: dict[str, list[str]] = {}  # what was read for the command in the input
        self._wanted: tuple[str, Callable[[], list[str]]] | None = None
        self._reading = False

    def __call__(self, text: str) -> Sequence[Completion]:
        """Completions of the text, the best first."""
        if not text.startswith("/") or "\n" in text:
            return ()
        name, space, argument = text[1:].partition(" ")
        if not space:
            self._names.clear()
            return list(self._command(name))
        complete = self._arguments.get(name)
        found = [] if complete is None else list(complete(f"/{name} ", argument.lstrip()))[:LISTED]
        return [] if [each.text for each in found] == [text] else found

    def _command(self, typed: str) -> Iterator[Completion]:
        keys = first_labels(self._appearance.keymap)
        offered = self._commands.offered
        found = [
            name for rank, name in matching(offered, typed, str, self._synonyms) if rank in (BEGINNING, WORDS, SYNONYM)
        ]
        for name in sorted(found, key=lambda name: name != typed):
            action = self._commands.action(name)
            title = action.title if action else "Insert a text file"
            text = f"/{name}" + " " * (name in self._arguments)
            run = None if action is None else partial(self._commands.send, f"/{name}")
            yield Completion(text, f"/{name}", title, keys.get(action.id, "") if action else "", run)

    def _synonyms(self, name: str) -> str:
        action = self._commands.action(name)
        return SYNONYMS.get(action.id if action else name, "")

    # ---- arguments

    def _session(self, before: str, typed: str) -> Iterator[Completion]:
        lines = [line for line in self._sessions.lines(filtered=False) if line.id != self.current.id]
        for _, line in matching(lines, typed, lambda line: line.title):
            run = partial(self._actions.application.open, line.id)
            yield Completion(before + line.title, line.title, "", age(time.time() - line.updated), run)

    def _model(self, before: str, typed: str) -> Iterator[Completion]:
        for _, name in matching(self._read("models", self._services.models.installed), typed, str):
            run = partial(self._actions.models.use_named, name)
            yield Completion(before + name, one_line(name), "", "in use" if name == self.current.model else "", run)

    def _theme(self, before: str, typed: str) -> Iterator[Completion]:
        choices = self._appearance.choices
        for _, name in matching(choices, typed, str):
            about = one_line(choices[name])
            yield Completion(before + name, name, about, "", partial(self._appearance.keep, name))

    def _file(self, before: str, typed: str) -> Iterator[Completion]:
        begun = typed.rpartition("/")[2]
        above = typed[: len(typed) - len(begun)]
        for name in self._read(f"/{above}", partial(list_names, above)):
            hidden = name.startswith(".") and not begun.startswith(".")
            if name.casefold().startswith(begun.casefold()) and not hidden:
                text = before + above + name
                yield Completion(text, name, run=None if name.endswith("/") else partial(self._commands.send, text))

    # ---- reading

    def _read(self, what: str, read: Callable[[], list[str]]) -> list[str]:
        """What ``read`` has returned for this command; empty until then."""
        if what not in self._names:
            self._wanted = what, read
            if not self._reading:
                self._reading = True
                self._app.run_worker(self._read_wanted(), group=FILES)
        return self._names.get(what, [])

    async def _read_wanted(self) -> None:
        try:
            while self._wanted is not None:
                (what, read), self._wanted = self._wanted, None
                self._names[what] = await in_thread(read)
        finally:
            self._reading = False
        self._screen.composer.suggest()
