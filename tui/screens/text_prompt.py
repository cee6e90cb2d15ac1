"""Dialog that asks for one line of text."""

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.widgets.dialog_frame import DialogFrame
from tui.widgets.safe_input import Field


class AskScreen(ModalScreen[str | None]):
    """Returns the text, or None if it is empty or cancelled. ``text``: the initial value. ``verb``: what Enter does."""

    BINDINGS = [Binding("escape", "dismiss", "Cancel", show=False)]  # noqa: RUF012  as Textual declares it

    def __init__(self, title: str, text: str, verb: str = "save") -> None:
        super().__init__()
        self._verb = verb
        self._title = title
        self._text = text

    def compose(self) -> ComposeResult:
        with DialogFrame(self._title, f"Enter {self._verb}", "Esc cancel", id="ask"):
            yield Field(self._text, id="ask-text")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.dismiss(event.value.strip() or None)
