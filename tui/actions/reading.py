"""What can be done while one reads a chat: find, see what a model thought and how a reply was made."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.screens.main import MainScreen
    from tui.services.workspace import Controller

IN_CHATS = "That is for the messages of a chat."


class Reading:
    """Acts on the chosen message of the chat that is open, else on the last."""

    def __init__(self, controller: "Controller", screen: "MainScreen") -> None:
        self._controller = controller
        self._screen = screen

    def find(self, words: str = "") -> None:
        """``words``; without, what was found last is there to be changed."""
        if self.chats:
            self._screen.find_bar.open(words)

    def find_next(self) -> None:
        if self.chats:
            self._screen.find_bar.step(forward=True)

    def find_previous(self) -> None:
        if self.chats:
            self._screen.find_bar.step(forward=False)

    def toggle_thoughts(self) -> None:
        if self.chats:
            self._screen.transcript.toggle_thoughts()

    def toggle_details(self) -> None:
        if self.chats and not self._screen.transcript.toggle_details():
            self._controller.say("Only a reply that has ended has figures.")

    @property
    def chats(self) -> bool:
        chats = self._controller.current.mode == "chat"
        if not chats:
            self._controller.say(IN_CHATS)
        return chats
