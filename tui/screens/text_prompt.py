"""Dialog that asks for one line of text."""

import asyncio
from collections.abc import Awaitable, Callable

from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import Input

from tui.process.in_thread import FILES
from tui.screens.dialog import Dialog
from tui.widgets.dialog_frame import DialogFrame
from tui.widgets.plain_text import Plain
from tui.widgets.safe_input import Field


class AskScreen(Dialog[None]):
    """Asks until ``attempt`` takes the text: it returns what is wrong with it, which is shown beside what was typed.

    ``text``: the initial value. ``verb``: what Enter does. An attempt during which the dialog is closed goes on;
    ``tell`` gets what is wrong then.
    """

    BINDINGS = [Binding("escape", "dismiss", "Cancel", show=False)]  # noqa: RUF012  as Textual declares it

    def __init__(
        self,
        title: str,
        text: str,
        attempt: Callable[[str], Awaitable[str]],
        tell: Callable[[str], None],
        verb: str = "save",
    ) -> None:
        super().__init__()
        self.attempt = attempt
        self._tell = tell
        self._title = title
        self._verb = verb
        self._text = text

    def compose(self) -> ComposeResult:
        with DialogFrame(self._title, f"Enter {self._verb}", "Esc cancel", id="ask"):
            yield Field(self._text, id="ask-text")
            error = Plain("", id="ask-error")
            error.display = False
            yield error

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        text = event.value.strip()
        if not text:
            self.dismiss()
            return
        self.query_one(Field).disabled = True
        ended = asyncio.Event()
        self.app.run_worker(self._carry_out(text, ended), group=FILES)
        self.run_worker(ended.wait())  # keys that are typed meanwhile wait for it

    async def _carry_out(self, text: str, ended: asyncio.Event) -> None:
        error = await self.attempt(text)
        ended.set()
        if not self.is_attached:
            if error:
                self._tell(error)
        elif not error and self.is_active:
            self.dismiss()
        else:
            told, field = self.query_one("#ask-error", Plain), self.query_one(Field)
            told.show(error)
            told.display = bool(error)
            field.disabled = False
            field.focus()
