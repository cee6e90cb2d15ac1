"""One editable text that the model continues."""

from textual.document._edit import Edit
from textual.document._history import EditHistory
from textual.message import Message
from textual.widgets import TextArea

from tui.conversation.tree import Tree
from tui.settings.keymap import bindings
from tui.widgets.editor import Editor

PLACEHOLDER = "Write how it begins. F5 lets the model go on from the cursor, Esc stops it, Ctrl+Z takes it back."


class GenerationHistory(EditHistory):
    """An edit history that can hold a whole generation as one step."""

    joining = False

    def record(self, edit: Edit) -> None:
        if self.joining:
            self._undo_stack[-1].append(edit)
            self._redo_stack.clear()
        else:
            super().record(edit)

    def join(self) -> None:
        """From here on, edits make one step, until ``part``."""
        self._undo_stack.append([])
        self.joining = True

    def part(self) -> bool:
        """End the step; tells whether there is anything in it."""
        self.joining = False
        self.checkpoint()
        if self._undo_stack[-1]:
            return True
        self._undo_stack.pop()
        return False


class StoryPane(Editor):
    """Read-only while the model writes into it."""

    BINDINGS = bindings("story")

    class Edited(Message):
        """The text is another one now."""

        def __init__(self, pane: "StoryPane") -> None:
            super().__init__()
            self.pane = pane

    def __init__(self, session_id: str) -> None:
        super().__init__(PLACEHOLDER, id=f"story-{session_id}")
        self.session_id = session_id
        self.source: Tree | None = None  # that the text was taken from
        self.history: GenerationHistory = GenerationHistory(
            max_checkpoints=1000, checkpoint_timer=2.0, checkpoint_max_characters=100
        )

    @property
    def before_cursor(self) -> str:
        """What is to be continued."""
        return self.get_text_range((0, 0), self.cursor_location)

    def begin(self) -> None:
        """Take what stands behind the cursor away and hold the text for the model."""
        self.history.join()
        self.delete(self.cursor_location, self.document.end, maintain_selection_offset=False)
        self.read_only = True

    def grow(self, text: str) -> None:
        """Append what the model wrote; the view follows while it is at the end."""
        follow = self.is_vertical_scroll_end
        offset = self.scroll_offset
        self.insert(text, self.document.end, maintain_selection_offset=False)
        if follow:
            self.move_cursor(self.document.end)
        else:
            self.scroll_to(offset.x, offset.y, animate=False, immediate=True)

    def settle(self, nothing_came: bool) -> None:
        """Give the text back to the person; what the model wrote is one step to undo."""
        changed = self.history.part()
        self.read_only = False
        if nothing_came and changed:
            self.undo()
        else:
            self.move_cursor(self.document.end)

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self.post_message(self.Edited(self))
