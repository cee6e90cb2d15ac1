"""What can be copied, and what is said of it."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.app import App
from textual.widgets import TextArea

from tui.conversation.tree import Node
from tui.markdown.thinking import without_thoughts
from tui.process.in_thread import in_thread
from tui.terminal.clipboard import into_tmux, osc52

if TYPE_CHECKING:
    from tui.screens.main import MainScreen
    from tui.services.replies import Desk
    from tui.services.workspace import Controller

# How long, in seconds, the warning counts that Ctrl+C once more quits.
QUIT_WINDOW = 2.0


class Copying:
    """Acts on what is selected, else on the chosen message of the chat that is open."""

    def __init__(self, controller: "Controller", app: App[None], screen: "MainScreen", desk: "Desk") -> None:
        self._controller = controller
        self._app = app
        self._screen = screen
        self._desk = desk

    def copy_or_quit(self) -> None:
        controller, focused = self._controller, self._screen.focused
        selected = focused.selected_text if isinstance(focused, TextArea) else ""
        if selected := selected or self._screen.get_selected_text() or "":
            self.copy(selected)
        elif controller.current.reply is not None:
            self._desk.stop(controller.current, aloud=True)
        elif controller.sure("Ctrl+C once more quits.", QUIT_WINDOW):
            controller.quit()

    def copy_message(self) -> None:
        if node := self._controller.talk.chosen(reading=True):
            if text := answer(node):
                self.copy(text)
            else:
                self._controller.say("There is nothing in this message but what the model thought.")

    def copy_code(self) -> None:
        if self._controller.reading.chats:
            code = self._screen.transcript.code
            if code is None:
                self._controller.say("There is no code in this message; y copies all of it.")
            else:
                self.copy(code)

    def copy(self, text: str) -> None:
        """To the clipboard of the person's own terminal."""
        self._app.copy_to_clipboard(text)

    async def send(self, text: str, write: Callable[[str], None]) -> None:
        """Through tmux, where this runs in one, else by what ``write`` sends to the terminal; say which."""
        tmux = "TMUX" in os.environ
        if tmux and await in_thread(into_tmux, text):
            told = "tmux has them in its buffer too; its prefix, then ], pastes that."
        else:
            write(osc52(text, tmux))
            told = "tmux did not take them: whether they arrive depends on its settings." if tmux else ""
        self._controller.say(f"Sent to clipboard: {len(text)} characters. {told}".rstrip())


def answer(node: Node) -> str:
    """What a message says, without what a model thought before."""
    return without_thoughts(node.text) if node.role == "assistant" else node.text
