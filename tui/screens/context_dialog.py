"""Dialog for a context that is full: what to leave out."""

from collections.abc import Iterator
from typing import Literal, cast

from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui.config.key_names import key_name
from tui.screens.dialog import Dialog
from tui.services.full_context import FullContext
from tui.widgets.dialog_frame import DialogFrame
from tui.widgets.plain_text import Plain, plain

Choice = Literal["leave_out", "compact", "raise", "shorten"]
# Rows of a screen below which the choices stand without explanations, so that all are in sight.
LOW = 16


class ContextDialog(Dialog[Choice]):
    """Returns the choice; Esc shortens: the message goes back into the input, or the reply stays as it is."""

    BINDINGS = [Binding("escape", "shorten", "Shorten", show=False)]  # noqa: RUF012  as Textual declares it

    def __init__(self, full: FullContext) -> None:
        super().__init__()
        self._full = full

    def compose(self) -> ComposeResult:
        leave = "Esc keep the reply" if self._continues else "Esc shorten the message"
        with DialogFrame("The context is full", "Enter select", leave, id="context"):
            yield Plain(self._told, id="context-note")
            yield OptionList(*self._options(), id="context-list", markup=False)

    def on_mount(self) -> None:
        self.query_one(OptionList).focus()

    @property
    def _continues(self) -> bool:
        return self._full.target.role != "user"

    @property
    def _told(self) -> str:
        full = self._full
        if self._continues:
            return f"The conversation and this reply take {full.needed} tokens; the context holds {full.available}."
        told = f"With this message the prompt needs {full.needed} tokens; the context holds {full.available}."
        return told if full.left_out else f"{told} Nothing before it can make room for it."

    def _options(self) -> Iterator[Option]:
        full, onward = self._full, " and continue" if self._continues else ""
        if full.left_out:
            about = f"The prompt then has {full.left_out.tokens} tokens; nothing is deleted"
            yield self._option("leave_out", f"Leave out the oldest {full.left_out.messages}{onward}", about)
        if full.compacted:
            about = f"The model summarises them; {key_name('previous_sibling')} shows them again"
            yield self._option("compact", f"Compact the oldest {full.compacted.messages}{onward} (/compact)", about)
        if full.longest:
            about = "The model and the free memory allow it; it takes more memory and time"
            yield self._option("raise", f"Raise this session's context limit to {full.longest} tokens{onward}", about)
        if self._continues:
            yield self._option("shorten", "Keep the reply as it is", "Roll back or fork to go on from earlier")
        else:
            yield self._option("shorten", "Shorten the message", "It goes back into the input")

    def _option(self, choice: Choice, title: str, about: str) -> Option:
        low = self.app.size.height < LOW
        return Option(plain(title if low else f"{title}\n  {about}"), choice)

    def action_shorten(self) -> None:
        self.dismiss("shorten")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(cast(Choice, event.option_id))
