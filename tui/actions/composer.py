"""What can be done while one writes: send, go back to what was written before, commands, files, an editor."""

from typing import TYPE_CHECKING

from textual.app import App

from tui.actions.clipboard import answer
from tui.actions.slash_commands import Commands
from tui.screens.prompt_history import HistoryScreen
from tui.screens.text_prompt import AskScreen
from tui.services.prompt_history import History
from tui.storage.text_files import OutsideError, edit_text, save_text

if TYPE_CHECKING:
    from tui.screens.main import MainScreen
    from tui.services.workspace import Controller

REMEMBERED = 1000


class Composing:
    """Acts on the input and on the session that is open."""

    def __init__(self, controller: "Controller", app: App[None], screen: "MainScreen") -> None:
        self._controller = controller
        self._app = app
        self._screen = screen
        self._history = History("", ())
        # What was put into the input from there, and how many drafts were put there until then.
        self._recalled = ("", -1)
        self.commands = Commands(controller, screen)

    # ---- sending

    def send(self, text: str) -> None:
        """A message, or a command; two slashes begin a message with one, where one would begin a command."""
        if self.commands.run(text):
            return
        draft = self._history.left if self._walking else ""
        self._controller.talk.send(self.commands.escaped(text) or text)
        if draft and not self._screen.composer.text:
            self._screen.composer.put(draft)

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

    @property
    def draft(self) -> str:
        """What is typed and not sent, be it out of sight while one looks at what was written before."""
        whole = self._screen.composer.whole
        return self._history.unsent(whole, self._recalled[0]) if self._walking else whole

    @property
    def _walking(self) -> bool:
        """Whether what is in the input comes from the history, or was made of that."""
        return self._recalled[1] == self._screen.composer.puts

    def _begin(self) -> History:
        if not self._walking:
            self._history = History(self._screen.composer.whole, self._controller.library.typed(REMEMBERED))
        return self._history

    def _walk(self, step: int) -> None:
        if step > 0 or self._walking:
            self._recall(self._begin().walk(self._screen.composer.whole, step))

    def _recall(self, text: str | None) -> None:
        composer = self._screen.composer
        if text is not None:
            composer.put(text)
            self._recalled = (composer.whole, composer.puts)

    def search_history(self) -> None:
        def chosen(text: str | None) -> None:
            if text is not None:
                self._recall(self._begin().find(self._screen.composer.whole, text))

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

    def save_message(self, path: str = "") -> None:
        self._save(path, "message.md", self._message())

    def save_code(self, path: str = "") -> None:
        code = self._screen.transcript.code
        if code is None:
            self._controller.say("There is no code in this message; s saves all of it.")
        else:
            self._save(path, "code.txt", code)

    def save_story(self, path: str = "") -> None:
        if pane := self._screen.story_pane:
            self._save(path, "story.txt", pane.text)
        else:
            self._controller.say("That is for stories; s saves a message of a chat.")

    def _message(self) -> str:
        """The chosen one, else the last."""
        tree = self._controller.current.tree
        shown = self._screen.transcript.chosen or tree.tip
        return answer(tree[shown]) if shown else ""

    def _save(self, path: str, name: str, text: str) -> None:
        """To a new file; without ``path``, to the one that the person says when asked."""

        def save(path: str | None) -> None:
            if path is None:
                return
            try:
                self._controller.say(f"Saved to {save_text(path, text)}.")
            except OutsideError as error:
                self._controller.say(str(error))

        save(path) if path else self._app.push_screen(AskScreen("Save to a new file", name), save)
