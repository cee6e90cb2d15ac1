"""Dialog that asks for one line of text."""

from collections.abc import Awaitable, Callable
from typing import Any

from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.widgets.dialog_frame import DialogFrame
from tui.widgets.plain_text import Plain
from tui.widgets.safe_input import Field


class AskScreen(ModalScreen[str | None]):
    """Returns the text, or None if it is empty or cancelled.

    ``text``: the initial value. ``verb``: what Enter does. ``error``: what was wrong with the text.
    """

    BINDINGS = [Binding("escape", "dismiss", "Cancel", show=False)]  # noqa: RUF012  as Textual declares it

    def __init__(self, title: str, text: str, verb: str = "save", error: str = "") -> None:
        super().__init__()
        self._error = error
        self._verb = verb
        self._title = title
        self._text = text

    def compose(self) -> ComposeResult:
        with DialogFrame(self._title, f"Enter {self._verb}", "Esc cancel", id="ask"):
            yield Field(self._text, id="ask-text")
            if self._error:
                yield Plain(self._error, id="ask-error")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.dismiss(event.value.strip() or None)


async def ask(
    app: App[Any], title: str, text: str, attempt: Callable[[str], Awaitable[str]], verb: str = "save"
) -> None:
    """Ask until ``attempt`` takes the text: it returns what is wrong with it, which is shown beside what was typed."""
    error = ""
    while given := await app.push_screen_wait(AskScreen(title, text, verb, error)):
        error = await attempt(given)
        if not error:
            return
        text = given
