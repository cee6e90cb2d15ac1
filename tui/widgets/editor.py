"""A text area whose text is always safe to show."""

from dataclasses import replace

from textual import events
from textual.document._document import EditResult
from textual.document._edit import Edit
from textual.widgets import TextArea

from tui.terminal.sanitize import sanitize


class Editor(TextArea):
    """What is typed, pasted or put into it becomes visible symbols where it could steer the terminal.

    The cursor does not blink: an idle program does nothing.
    """

    def __init__(self, placeholder: str, id: str | None = None) -> None:
        super().__init__(
            placeholder=placeholder,
            id=id,
            soft_wrap=True,
            show_line_numbers=False,
            highlight_cursor_line=False,
            tab_behavior="focus",
        )
        self.cursor_blink = False

    def edit(self, edit: Edit) -> EditResult:
        return super().edit(replace(edit, text=sanitize(edit.text)))

    def load(self, text: str) -> None:
        """Show another text, with nothing to undo, and the cursor at its end."""
        self.text = sanitize(text)
        self.move_cursor(self.document.end)

    async def _on_paste(self, event: events.Paste) -> None:
        # Comes before the text area's own handler, which inserts the text.
        event.text = event.text.replace("\r\n", "\n").replace("\r", "\n")
