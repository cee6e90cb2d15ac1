"""An Input that keeps its value verbatim and draws it sanitised."""

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.widgets import Input

from tui.terminal.sanitize import sanitize
from tui.terminal.typed_text import normalized, typed, whole

_IN_LINE = str.maketrans("\n\t", "␊ ")


class Field(Input):
    """With a steady cursor."""

    def __init__(self, text: str = "", placeholder: str = "", id: str | None = None) -> None:
        # Set as a property, "compact" would have the styles computed before there is a place for the field.
        super().__init__(text, placeholder=_shown(placeholder), id=id, select_on_focus=False)
        self.set_reactive(Input.compact, True)
        self.set_class(True, "-textual-compact", update=False)
        self.cursor_blink = False

    def validate_value(self, value: str) -> str:
        return whole(value)

    # ---- typing

    def check_consume_key(self, key: str, character: str | None = None) -> bool:
        return typed(events.Key(key, character)) is not None

    async def _on_key(self, event: events.Key) -> None:
        # Replaces Input's handler, which accepts only str.isprintable() characters.
        if text := typed(event):
            event.prevent_default().stop()
            self.replace(text, *self.selection)

    def _on_paste(self, event: events.Paste) -> None:
        # Replaces Input's handler, which splits at more line separators than these.
        event.prevent_default().stop()
        self.replace(normalized(event.text).strip("\n").partition("\n")[0], *self.selection)

    # ---- drawing: one symbol for each character

    @property
    def _value(self) -> Text:
        return Text(_shown(self.value), no_wrap=True, overflow="ignore", end="")

    def _position_to_cell(self, position: int) -> int:
        return cell_len(_shown(self.value[:position]))

    def _cell_offset_to_index(self, offset: int) -> int:
        cells = offset + self.scroll_offset.x
        for index in range(len(self.value)):
            if cells < self._position_to_cell(index + 1):
                return index
        return len(self.value)


def _shown(value: str) -> str:
    return sanitize(value).translate(_IN_LINE)
