"""Dialog for a context that is full: what to leave out."""

from typing import Literal

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui.services.full_context import FullContext
from tui.widgets.dialog_frame import DialogFrame
from tui.widgets.plain_text import Plain, plain

Choice = Literal["leave_out", "compact", "shorten"]


class ContextDialog(ModalScreen[Choice]):
    """Returns the choice; Esc shortens: the message goes back into the input, or the reply stays as it is."""

    BINDINGS = [Binding("escape", "shorten", "Shorten", show=False)]  # noqa: RUF012  as Textual declares it

    def __init__(self, full: FullContext) -> None:
        super().__init__()
        self._full = full

    def compose(self) -> ComposeResult:
        leave = "Esc keep as it is" if self._continues else "Esc shorten"
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

    def _options(self) -> list[Option]:
        full, onward = self._full, " and continue" if self._continues else ""
        options = []
        if full.left_out:
            text = f"Leave out the oldest {full.left_out.messages}{onward}\n  The prompt then has "
            options.append(Option(plain(f"{text}{full.left_out.tokens} tokens; nothing is deleted"), "leave_out"))
        if full.compacted:
            text = f"Compact the oldest {full.compacted.messages}{onward} (/compact)\n  The model summarises them; "
            options.append(Option(plain(f"{text}[ shows them again"), "compact"))
        if self._continues:
            options.append(
                Option(plain("Keep the reply as it is\n  Roll back or fork to go on from earlier"), "shorten")
            )
        else:
            options.append(Option(plain("Shorten the message\n  It goes back into the input"), "shorten"))
        return options

    def action_shorten(self) -> None:
        self.dismiss("shorten")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        choices: dict[str | None, Choice] = {"leave_out": "leave_out", "compact": "compact", "shorten": "shorten"}
        self.dismiss(choices[event.option_id])
