"""Actions that copy to the clipboard, through OSC 52 and tmux."""

import os
from collections.abc import Callable

from tui.actions.context import ActionContext, ActionGroup
from tui.actions.messages import NO_MESSAGES, MessageActions
from tui.conversation.tree import Node
from tui.markdown.thinking import without_thoughts
from tui.process.in_thread import in_thread
from tui.terminal.clipboard import into_tmux, osc52


class ClipboardActions(ActionGroup):
    """Actions that copy the selected message, else the last one."""

    def __init__(self, context: ActionContext, messages: MessageActions) -> None:
        super().__init__(context)
        self._messages = messages

    def copy_message(self) -> None:
        """Copy the message without its reasoning."""
        if node := self._messages.chosen(reading=True):
            if text := answer(node):
                self.copy(text)
            else:
                self._presenter.say("This message contains only reasoning.")

    def copy_code(self) -> None:
        """Copy the clicked code block, else the last one of the message."""
        if self._messages.chats:
            code = self._screen.transcript.code
            if code is not None:
                self.copy(code)
            elif self.current.tip is None:
                self._presenter.say(NO_MESSAGES)
            else:
                self._presenter.say("No code block in this message (y copies the message).")

    def copy(self, text: str) -> None:
        """Copy to the clipboard of the user's own terminal."""
        self._app.copy_to_clipboard(text)

    async def send(self, text: str, write: Callable[[str], None]) -> None:
        """Send the text to the clipboard; a notice tells how."""
        told = await self.put(text, write)
        self._presenter.say(f"Copied {len(text)} characters (OSC 52). {told}".rstrip())

    async def put(self, text: str, write: Callable[[str], None]) -> str:
        """Send the text to the clipboard by tmux, or by an OSC 52 sequence to ``write``. Returns remarks."""
        tmux = "TMUX" in os.environ
        if tmux and await in_thread(into_tmux, text):
            return "Also in the tmux buffer (prefix, then ])."
        write(osc52(text, tmux))
        if tmux:
            return "tmux rejected the text; it may not have reached your clipboard: see tmux's set-clipboard."
        return ""


def answer(node: Node) -> str:
    """Text of a message without reasoning."""
    return without_thoughts(node.text) if node.role == "assistant" else node.text
