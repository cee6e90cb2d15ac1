"""One entry of a lorebook: its name, keys, order and text."""

from dataclasses import replace

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.widgets import Input

from tui.conversation.lorebook import MAX_ORDER, Entry, Secondary
from tui.formatting.entry_keys import parse_keys, spell_keys
from tui.screens.dialog import Dialog
from tui.widgets.dialog_frame import DialogFrame
from tui.widgets.labelled_field import LabelledField
from tui.widgets.plain_text import Plain
from tui.widgets.safe_text_area import Editor

WRONG_ORDER = "The order must be a whole number."
# By an entry's logic: the label of its secondary keys, and what is shown while there are none.
SECONDARY_KEYS: dict[Secondary, tuple[str, str]] = {
    "any": ("Secondary keys", "one of these too, if any"),
    "all": ("Secondary keys, all", "all of these too, if any"),
    "not any": ("Secondary keys, none", "none of these, if any"),
    "not all": ("Secondary keys, not all", "not all of these, if any"),
}


class EntryScreen(Dialog[Entry]):
    """Returns the entry as it was changed."""

    BINDINGS = [Binding("escape", "leave", "Close", show=False)]  # noqa: RUF012  as Textual declares it

    def __init__(self, entry: Entry) -> None:
        super().__init__()
        self._entry = entry
        self._title = LabelledField("Name", entry.name)
        self._keys = LabelledField("Keys", spell_keys(entry.keys), "words, or /regular expressions/i, with commas")
        secondary, about = SECONDARY_KEYS[entry.logic]
        self._secondary = LabelledField(secondary, spell_keys(entry.secondary), about)
        self._order = LabelledField("Order", str(entry.order), "entries of a lower order come first")
        self._text = Editor("What the model is told", id="entry-text")
        self._told = Plain(id="entry-told")

    def compose(self) -> ComposeResult:
        with DialogFrame("Lorebook entry", "Tab next", "Esc close", id="entry"):
            with VerticalScroll(can_focus=False):
                yield self._title
                yield self._keys
                yield self._secondary
                yield self._order
                yield self._text
            yield self._told

    def on_mount(self) -> None:
        self._told.display = False
        self._text.load(self._entry.text)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.focus_next()

    def action_leave(self) -> None:
        """Close, unless a field is wrong."""
        try:
            order = int(self._order.value.strip() or self._entry.order)
        except ValueError:
            order = MAX_ORDER + 1
        if abs(order) > MAX_ORDER:
            self._told.show(WRONG_ORDER)
            self._told.display = True
            self._order.field.focus()
            return
        entry = replace(self._entry, order=order, text=self._text.text)
        # What was not touched stays as its file has it, be it spelled otherwise.
        if self._title.changed:
            entry = replace(entry, name=self._title.value.strip())
        if self._keys.changed:
            entry = replace(entry, keys=parse_keys(self._keys.value))
        if self._secondary.changed:
            entry = replace(entry, secondary=parse_keys(self._secondary.value))
        self.dismiss(entry)
