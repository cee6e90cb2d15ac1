"""What can be done while one writes: send, go back to what was written before, commands, files, an editor."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import App

from tui.outside import OutsideError, edit_text, read_text, save_text
from tui.screens.ask import AskScreen
from tui.screens.history import HistoryScreen

if TYPE_CHECKING:
    from tui.controller import Controller
    from tui.screens.main import MainScreen

REMEMBERED = 1000
# Beside the actions of the key map.
COMMANDS = ("file", "model", "rename")
TYPED_COMMAND = re.compile(
    r"/(?P<name>[a-z][a-z-]*)(?:[ \t]+(?P<argument>[^\n]*?))?[ \t]*(?:\n(?P<rest>.*))?", re.DOTALL
)


class Composing:
    """Acts on the input and on the session that is open."""

    def __init__(self, controller: "Controller", app: App[None], screen: "MainScreen") -> None:
        self._controller = controller
        self._app = app
        self._screen = screen
        self._history: list[str] = []  # what is walked through: the newest first, and before it what was being written
        self._place = 0
        self._commands: dict[str, Callable[[str, str], None]] = {}

    def offer(self, actions: dict[str, Callable[[], None]]) -> None:
        """Let these, by their names in the key map, be commands too."""

        def plain(action: Callable[[], None]) -> Callable[[str, str], None]:
            def command(argument: str, rest: str) -> None:
                self._screen.composer.put(rest)
                action()

            return command

        own = (self._insert_file, self._use_model, self._rename)
        self._commands = dict(zip(COMMANDS, own, strict=True))
        self._commands |= {name.replace("_", "-"): plain(action) for name, action in actions.items()}
        self._screen.composer.commands = list(self._commands)

    # ---- sending

    def send(self, text: str) -> None:
        """A message, or a command; two slashes begin a message with one."""
        match = TYPED_COMMAND.fullmatch(text.rstrip())
        if match is None:
            self._controller.talk.send(text[1:] if text.startswith("//") else text)
        elif command := self._commands.get(match["name"]):
            self._controller.say("")
            command(match["argument"] or "", match["rest"] or "")
        else:
            self._controller.say(f"There is no command /{match['name']}. With // it is sent as a message.")
        self._history = []

    def _insert_file(self, argument: str, rest: str) -> None:
        composer = self._screen.composer
        try:
            text = read_text(argument)
        except OutsideError as error:
            self._controller.say(str(error))
            return
        fence = "```"
        while fence in text:
            fence += "`"
        composer.put(rest)
        # What is asked about the file stands behind it, where the model reads it last.
        composer.move_cursor(composer.document.start)
        block = composer.collapse(f"{Path(argument).name}:\n{fence}\n{text.rstrip()}\n{fence}")
        composer.insert(block + "\n")
        composer.move_cursor(composer.document.end)

    def _use_model(self, argument: str, rest: str) -> None:
        self._screen.composer.put(rest)
        if argument:
            self._controller.tuning.use_named(argument)
        else:
            self._controller.do("choose_model")

    def _rename(self, argument: str, rest: str) -> None:
        self._screen.composer.put(rest)
        if argument:
            self._controller.filing.rename(self._controller.current.id, argument)
        else:
            self._controller.do("rename_session")

    # ---- what was written before

    def history_earlier(self) -> None:
        """A line up; from the first line, what waits to be sent, then what was written before."""
        composer, talk = self._screen.composer, self._controller.talk
        if not composer.at_top:
            composer.action_cursor_up()
        elif not (talk.queued and not composer.text.strip() and talk.take_back()):
            self._walk(1)

    def history_later(self) -> None:
        """A line down; from the last line, what was written after that."""
        composer = self._screen.composer
        if composer.at_bottom:
            self._walk(-1)
        else:
            composer.action_cursor_down()

    def _walk(self, step: int) -> None:
        composer = self._screen.composer
        if not self._history or composer.whole != self._history[self._place]:
            if step < 0:
                return
            self._history = [composer.whole, *self._controller.library.typed(REMEMBERED)]
            self._place = 0
        if 0 <= self._place + step < len(self._history):
            self._place += step
            composer.put(self._history[self._place])

    def search_history(self) -> None:
        def chosen(text: str | None) -> None:
            if text is not None:
                self._screen.composer.put(text)

        self._app.push_screen(HistoryScreen(self._controller.library.typed(REMEMBERED)), chosen)

    # ---- outside

    def editor(self) -> None:
        """What is written, or to read, the chosen message."""
        self._app.run_worker(self._edit())

    async def _edit(self) -> None:
        screen, session = self._screen, self._controller.current
        reading = screen.transcript.has_focus or screen.composer.disabled
        try:
            if pane := screen.story_pane:
                written = await edit_text(self._app, pane.text)
                if written != pane.text and not pane.read_only:
                    pane.replace(written, pane.document.start, pane.document.end)
            elif reading:
                await edit_text(self._app, self._message())
            else:
                written = await edit_text(self._app, screen.composer.whole)
                if self._controller.current is session:
                    screen.composer.put(written)
        except OutsideError as error:
            self._controller.say(str(error))

    def save_message(self) -> None:
        self._save("message.md", self._message())

    def save_code(self) -> None:
        code = self._screen.transcript.code
        if code is None:
            self._controller.say("There is no code in this message; s saves all of it.")
        else:
            self._save("code.txt", code)

    def save_story(self) -> None:
        if pane := self._screen.story_pane:
            self._save("story.txt", pane.text)
        else:
            self._controller.say("That is for stories; s saves a message of a chat.")

    def _message(self) -> str:
        """The chosen one, else the last."""
        tree = self._controller.current.tree
        shown = self._screen.transcript.chosen or tree.tip
        return tree[shown].text if shown else ""

    def _save(self, name: str, text: str) -> None:
        def save(path: str | None) -> None:
            if path is None:
                return
            try:
                self._controller.say(f"Saved to {save_text(path, text)}.")
            except OutsideError as error:
                self._controller.say(str(error))

        self._app.push_screen(AskScreen("Save to a new file", name), save)
