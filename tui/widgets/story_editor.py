"""Story editor: one text that the user edits and the model continues."""

from itertools import count

from rich.text import Text
from textual.binding import Binding
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import TextArea

from tui.config.key_names import key_name
from tui.config.keymap import bindings
from tui.conversation.story_text import shared
from tui.conversation.tree import Tree
from tui.terminal.textual_internals import Edit, EditResult, JoiningHistory, Location
from tui.widgets.plain_text import plain
from tui.widgets.safe_text_area import Editor, ShownDocument

WIDEST, SIDE = 90, 2  # longer lines are hard to read; cells beside them at least
_numbers = count()  # for ids: a session may be given up and shown again before its old pane is gone
KEYS = {
    "continue_story": "the model continues it from the cursor",
    "stop": "stops, and keeps what was written",
    "undo": "takes a continuation back",
    "previous_alternative next_alternative": "previous and next version",
    "sampling": "length and temperature",
}


def placeholder() -> str:
    """What stands in an empty story."""
    rows = [(" ".join(map(key_name, actions.split())), effect) for actions, effect in KEYS.items()]
    width = max(len(keys) for keys, _ in rows)
    return "\n".join(["Start your story here.", "", *(f"{keys:<{width}}  {effect}" for keys, effect in rows)])


class StoryPane(Editor):
    """Read-only while generating. Generated text is tinted until the user edits."""

    BINDINGS = [  # noqa: RUF012  as Textual declares it
        *bindings("story"),
        # As Enter, and as in the message input.
        Binding("ctrl+j,shift+enter,alt+enter", "newline", "New line", show=False),
    ]
    COMPONENT_CLASSES = {"story--generated"}  # noqa: RUF012  as Textual declares it

    class Edited(Message):
        """The text has changed."""

        def __init__(self, pane: "StoryPane") -> None:
            super().__init__()
            self.pane = pane

    class Typed(Message):
        """The user edited the text."""

    def __init__(self, session_id: str) -> None:
        super().__init__(placeholder(), id=f"story-{next(_numbers)}")
        self.session_id = session_id
        self.given_up = False  # about to be removed
        self.source: Tree | None = None  # the text's tree
        self._generated: Location | None = None  # start of the generated text
        self.walked: int | None = None  # start of the piece of which another version was shown last, until an edit
        self.history: JoiningHistory = JoiningHistory(
            max_checkpoints=1000, checkpoint_timer=2.0, checkpoint_max_characters=100
        )

    def on_resize(self) -> None:
        """Centre the column."""
        side = max(SIDE, (self.outer_size.width - WIDEST) // 2)
        self.styles.padding = (1, side)

    @property
    def wrap_width(self) -> int:
        return min(super().wrap_width, WIDEST)

    @property
    def before_cursor(self) -> str:
        """The text to continue."""
        return self.get_text_range((0, 0), self.cursor_location)

    def loses(self, text: str) -> bool:
        """True if to show ``text`` costs what can be redone: it is not what redoing all of it would show."""
        undone, document = self.history.redo_stack, ShownDocument(self.text)
        for step in reversed(undone):
            for edit in step:
                document.replace_range(edit.top, edit.bottom, edit.text)
        return bool(undone) and document.text != text

    # ---- editing

    def load(self, text: str) -> None:
        self._generated = self.walked = None
        super().load(text)

    def edit(self, edit: Edit) -> EditResult:
        if not self.history.joining:
            self._generated = self.walked = None
            self.post_message(self.Typed())
        return super().edit(edit)

    def action_undo(self) -> None:
        if not self.read_only:
            self._generated = self.walked = None
            self.post_message(self.Typed())
            super().action_undo()

    def action_redo(self) -> None:
        if not self.read_only:
            self._generated = self.walked = None
            self.post_message(self.Typed())
            super().action_redo()

    def show_other(self, text: str, place: int | None, written: int | None) -> None:
        """Show another version of what follows character ``place`` as one undo step; from ``written`` on, the text is
        generated.
        """
        same = shared(self.text, text)
        self.history.checkpoint()
        with self.prevent(self.Typed):  # which would clear a notice about this version
            self.replace(text[same:], _location(text, same), self.document.end, maintain_selection_offset=False)
        self.history.checkpoint()
        self.move_cursor(self.document.end)
        self.walked = place
        if written is not None:
            self._generated = _location(text, written)

    # ---- generating

    def begin(self) -> None:
        """Remove the text after the cursor and make the rest read-only."""
        self.history.join()
        self.walked = None
        cursor = self.cursor_location
        self._generated = min(cursor, self._generated or cursor)
        self.delete(cursor, self.document.end, maintain_selection_offset=False)
        self.read_only = True

    def grow(self, text: str) -> None:
        """Append generated text; the view follows if it is at the end."""
        follow = self.is_vertical_scroll_end
        offset = self.scroll_offset
        self.insert(text, self.document.end, maintain_selection_offset=False)
        if follow:
            self.move_cursor(self.document.end)
        else:
            self.scroll_to(offset.x, offset.y, animate=False, immediate=True)

    def settle(self, nothing_came: bool) -> None:
        """Make the text editable again; the generation is one undo step."""
        changed = self.history.part()
        self.read_only = False
        if nothing_came and changed:
            self.undo()
            self._generated = None
        else:
            self.move_cursor(self.document.end)

    def get_line(self, line_index: int) -> Text:
        line = super().get_line(line_index)
        if self._generated is not None and line_index >= self._generated[0]:
            start = self._generated[1] if line_index == self._generated[0] else 0
            line.stylize(self.get_component_rich_style("story--generated", partial=True), start)
        return line

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self.post_message(self.Edited(self))


def _location(text: str, index: int) -> Location:
    """Row and column of a character."""
    return text.count("\n", 0, index), index - text.rfind("\n", 0, index) - 1


class StoryLine(Widget):
    """Status of a story: length, version and how the next continuation is sampled."""

    figures: reactive[tuple[str, ...]] = reactive[tuple[str, ...]](())

    def render(self) -> Content:
        """The last figures are dropped where there is no room."""
        room = self.size.width - 2
        shown = list(self.figures)
        while len(shown) > 1 and len(" · ".join(shown)) > room:
            shown.pop()
        return plain(" · ".join(shown), "$text-muted").truncate(max(0, room), ellipsis=True)
