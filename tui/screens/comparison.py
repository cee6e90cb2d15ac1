"""F5 and R in a chat: replies to one question, side by side."""

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container, Vertical
from textual.geometry import Size

from tui.conversation.speakers import speaker
from tui.conversation.tree import Node
from tui.screens.dialog import Dialog
from tui.services.comparison import Comparison, Side, times_chosen
from tui.services.replies import ReplyChange
from tui.terminal.sanitize import one_line
from tui.widgets.dialog_frame import DialogFrame
from tui.widgets.plain_text import Plain
from tui.widgets.transcript.message import Entry
from tui.widgets.transcript.transcript import Transcript

# The least columns and rows of a reply: fewer stand beside each other, and what does not fit is scrolled to.
SIDE_COLUMNS, SIDE_ROWS = 50, 7
FRAME_ROWS = 2
NUMBERS = range(1, 10)  # a key for each
READING = "reading the prompt"


class SidePane(Vertical):
    """A side: what it is, and its reply as it grows."""

    def __init__(self, number: int, side: Side, about: str, asked: bool) -> None:
        """``asked``: show the question too."""
        super().__init__(classes="side")
        self._side = side
        self._asked = asked
        self._title = f"{number} · {about}" if about else f"{number}"
        self._reply = Transcript()
        self._reply.can_focus = False
        self.heading = Plain(self._title, classes="side-title")
        self.note = Plain(READING, classes="side-note")

    def compose(self) -> ComposeResult:
        yield self.heading
        yield self._reply
        yield self.note

    def on_mount(self) -> None:
        self.show()

    def show(self) -> None:
        """Show the question with its passages, where sides may differ in them, and the reply."""
        question = self._side.question if self._asked else None
        self._reply.show([node for node in (question, self._side.node) if node is not None], self._entry, to_end=False)

    def grow(self, change: ReplyChange) -> None:
        """Show more of the reply, or its end."""
        if change.ended:
            self.show()
        elif change.text:
            self._reply.grow(change.node, change.text)
        self.note.show(self._told(change))

    def scroll(self, rows: int) -> None:
        self._reply.scroll_relative(y=rows, animate=False)

    def _entry(self, node: Node) -> Entry:
        passages = len((self._side.question or node).quotes or ())
        return Entry(node, (1, 1), speaker(node, self._side.session.model), passages=passages)

    def _told(self, change: ReplyChange) -> str:
        session, figures = self._side.session, self._side.session.figures
        if change.ended and session.notice:
            return one_line(session.notice)
        reused = f" · {figures.reused_tokens} of {figures.context_used} tokens reused" if figures.reused_tokens else ""
        speed = f"{figures.tokens_per_second:.0f} tok/s" if figures.tokens_per_second else ""
        return f"{'finished' if change.ended else 'generating'} {speed}{reused}".rstrip()


class ComparisonScreen(Dialog[Side | None]):
    """Returns the side that was chosen, when its reply is complete; None if none was."""

    BINDINGS = [  # noqa: RUF012  as Textual declares it
        Binding("escape,f5", "dismiss(None)", "Cancel", show=False),
        *(Binding(f"{number}", f"choose({number - 1})", f"Choose reply {number}", show=False) for number in NUMBERS),
        Binding("down,j", "scroll(1)", "Down", show=False),
        Binding("up,k", "scroll(-1)", "Up", show=False),
        Binding("pagedown,space", "page(10)", "Down", show=False),
        Binding("pageup", "page(-10)", "Up", show=False),
    ]

    def __init__(self, comparison: Comparison, leave: str) -> None:
        """``leave``: what Esc does."""
        super().__init__()
        self._comparison = comparison
        self._leave = leave
        counts = [times_chosen(comparison.session, side.variant) for side in comparison.sides]
        self._panes = [
            SidePane(number, side, _about(side, count, sum(counts)), comparison.counted)
            for number, side, count in zip(NUMBERS, comparison.sides, counts, strict=False)
        ]

    def compose(self) -> ComposeResult:
        count = len(self._panes)
        choose = f"{'1 2' if count == 2 else f'1 to {count}'} choose"
        frame = DialogFrame(f"{count} replies", "↑ ↓ scroll", choose, f"Esc {self._leave}", id="compare")
        with frame, Container(id="sides"):
            yield from self._panes

    def on_mount(self) -> None:
        self._arrange(self.app.size)

    def on_resize(self, event: events.Resize) -> None:
        self._arrange(event.size)

    def _arrange(self, size: Size) -> None:
        count, styles = len(self._panes), self.query_one("#sides").styles
        rows = -(-count // max(1, min(count, size.width // SIDE_COLUMNS)))
        styles.grid_size_columns = -(-count // rows)
        styles.grid_rows = "1fr" if (size.height - FRAME_ROWS) // rows >= SIDE_ROWS else str(SIDE_ROWS)

    def progress(self, change: ReplyChange) -> None:
        """Show a change of one of the replies."""
        for pane, side in zip(self._panes, self._comparison.sides, strict=True):
            if side.session is change.session and pane.is_mounted:
                pane.grow(change)

    def action_choose(self, index: int) -> None:
        if index >= len(self._panes):
            return
        side, pane = self._comparison.sides[index], self._panes[index]
        if not side.ended:
            pane.note.show("This reply is not complete yet.")
        elif side.node is None:
            pane.note.show("There is no reply to go on from.")
        else:
            self.dismiss(side)

    def action_scroll(self, rows: int) -> None:
        for pane in self._panes:
            pane.scroll(rows)

    def action_page(self, rows: int) -> None:
        """Scroll to other replies; where all have room, within them."""
        sides = self.query_one("#sides")
        if sides.max_scroll_y:
            sides.scroll_relative(y=rows, animate=False)
        else:
            self.action_scroll(rows)


def _about(side: Side, chosen: int, choices: int) -> str:
    return side.variant.title + (f" · chosen {chosen} of {choices}" if choices else "")
