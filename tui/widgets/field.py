"""One line to type in whose text is always safe to show."""

from textual.widgets import Input

from tui.terminal.sanitize import sanitize


class Field(Input):
    """What is typed or pasted becomes visible symbols where it could steer the terminal; the cursor does not blink."""

    def __init__(self, text: str = "", placeholder: str = "", id: str | None = None) -> None:
        super().__init__(text, placeholder=placeholder, id=id, compact=True, select_on_focus=False)
        self.cursor_blink = False

    def validate_value(self, value: str) -> str:
        return sanitize(value)
