"""A TextArea that keeps its text verbatim and draws it sanitised."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from textual import events
from textual.strip import Strip

from tui.terminal.sanitize import sanitize
from tui.terminal.textual_internals import (
    Document,
    DocumentNavigator,
    Edit,
    EditResult,
    Location,
    WrappedDocument,
    can_undo,
    end_of,
    forget_watcher,
    remember_lines,
)
from tui.terminal.typed_area import TypedArea
from tui.terminal.typed_text import normalized, typed, whole

DRAWN = 128  # lines: the tallest screens have fewer


class ShownDocument(Document):
    """``lines`` are sanitised, for drawing and measuring; ``text`` is verbatim."""

    def __init__(self, text: str) -> None:
        self._newline = "\n"
        self._written = text.split("\n")
        self._lines = [_shown(line) for line in self._written]

    @property
    def text(self) -> str:
        return "\n".join(self._written)

    def get_text_range(self, start: Location, end: Location) -> str:
        (top, first), (bottom, last) = sorted((start, end))
        lines = self._written[top : bottom + 1]
        if not lines:
            return ""
        if bottom < len(self._written):
            lines[-1] = lines[-1][:last]
        lines[0] = lines[0][first:]
        return "\n".join(lines)

    def replace_range(self, start: Location, end: Location, text: str) -> EditResult:
        (top, first), (bottom, last) = sorted((start, end))
        replaced = self.get_text_range((top, first), (bottom, last))
        before = self._written[top][:first] if top < len(self._written) else ""
        after = self._written[bottom][last:] if bottom < len(self._written) else ""
        lines = text.split("\n")
        reached = (top + len(lines) - 1, len(lines[-1]) + (len(before) if len(lines) == 1 else 0))
        lines[0] = before + lines[0]
        lines[-1] += after
        self._written[top : bottom + 1] = lines
        self._lines[top : bottom + 1] = [_shown(line) for line in lines]
        return EditResult(reached, replaced)


def _shown(line: str) -> str:
    """One line as drawn; the \\r of a CRLF is invisible."""
    return sanitize(line.removesuffix("\r")) + " " * line.endswith("\r")


class Editor(TypedArea):
    """With a steady cursor: an idle program does nothing."""

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
        remember_lines(self, DRAWN)

    def on_unmount(self) -> None:
        """Cancel what Textual's text area has subscribed to: it would be kept as long as the screen."""
        self.screen.text_selection_started_signal.unsubscribe(self)
        forget_watcher(self.app, self)

    def _set_document(self, text: str, language: str | None) -> None:
        """As in Textual, with a ShownDocument."""
        self.document = ShownDocument(text)
        self.wrapped_document = WrappedDocument(self.document, tab_width=self.indent_width)
        self.navigator = DocumentNavigator(self.wrapped_document)
        self._build_highlight_map()
        self.move_cursor((0, 0))
        self._rewrap_and_refresh_virtual_size()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without anything to undo, the undo key bubbles up."""
        return action != "undo" or can_undo(self.history)

    def edit(self, edit: Edit) -> EditResult:
        return super().edit(replace(edit, text=whole(edit.text)))

    def _undo_batch(self, edits: Sequence[Edit]) -> None:
        def undo(edit: Edit) -> Location:
            end = end_of(edit)
            edit.undo(self)
            return end

        self._carry_out(edits[::-1], undo)

    def _redo_batch(self, edits: Sequence[Edit]) -> None:
        def redo(edit: Edit) -> Location:
            edit.do(self, record_selection=False)
            return edit.bottom

        self._carry_out(edits, redo)

    def _carry_out(self, edits: Sequence[Edit], carry_out: Callable[[Edit], Location]) -> None:
        """Apply the edits in this order; ``carry_out`` returns the end of what an edit replaced.

        Textual compares locations from different states of the text, and draws while the cursor is out of bounds.
        """
        if not edits:
            return
        before = self.document.line_count
        above = below = before  # unchanged lines at both ends
        for edit in edits:
            count = self.document.line_count
            above = min(above, edit.top[0])
            below = min(below, count - 1 - carry_out(edit)[0])
        ends = (before - 1 - below, self.document.line_count - 1 - below)
        self.wrapped_document.wrap_range((above, 0), (ends[0], 0), (ends[1], 0))
        edits[-1].after(self)
        self._build_highlight_map()
        self.post_message(self.Changed(self))
        self._refresh_size()

    def load(self, text: str) -> None:
        """Replace the text, clear the undo history and move the cursor to the end."""
        self.text = whole(text)
        self.move_cursor(self.document.end)

    def render_line(self, y: int) -> Strip:
        """Draw nothing on a screen that has no column left: Textual cannot wrap a placeholder then."""
        return super().render_line(y) if self.content_size.width else Strip.blank(0)

    def action_newline(self) -> None:
        self.insert("\n")

    def check_consume_key(self, key: str, character: str | None = None) -> bool:
        return not self.read_only and typed(events.Key(key, character)) is not None

    async def _on_key(self, event: events.Key) -> None:
        # Runs before TextArea's handler, which accepts only str.isprintable() characters.
        if not self.read_only and (text := typed(event)):
            event.prevent_default().stop()
            self._replace_via_keyboard(text, *self.selection)

    async def _on_paste(self, event: events.Paste) -> None:
        # Runs before TextArea's handler, which inserts the text.
        event.text = normalized(event.text)
