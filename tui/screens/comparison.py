"""F5 in a chat: two replies to one question, side by side."""

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container, Vertical
from textual.screen import ModalScreen

from tui.conversation.speakers import speaker
from tui.conversation.tree import Node
from tui.services.comparison import Comparison, Side, times_chosen
from tui.services.replies import ReplyChange
from tui.terminal.sanitize import one_line
from tui.widgets.dialog_frame import DialogFrame
from tui.widgets.plain_text import Plain
from tui.widgets.transcript.message import Entry
from tui.widgets.transcript.transcript import Transcript

# Columns from which the replies stand beside each other.
WIDE = 100
READING = "reading the prompt"


class SidePane(Vertical):
    """A side: what it is, and its reply as it grows."""

    def __init__(self, number: int, side: Side, about: str) -> None:
        super().__init__(classes="side")
        self._side = side
        self._title = f"{number} · {about}"
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
        """Show the question with its passages, and the reply."""
        nodes = [node for node in (self._side.question, self._side.node) if node is not None]
        self._reply.show(nodes, self._entry, to_end=False)

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


class ComparisonScreen(ModalScreen[Side | None]):
    """Returns the side that was chosen, when its reply is complete; None if none was."""

    BINDINGS = [  # noqa: RUF012  as Textual declares it
        Binding("escape,f5", "dismiss(None)", "Cancel", show=False),
        Binding("1", "choose(0)", "Choose the first", show=False),
        Binding("2", "choose(1)", "Choose the second", show=False),
        Binding("down,j", "scroll(1)", "Down", show=False),
        Binding("up,k", "scroll(-1)", "Up", show=False),
        Binding("pagedown,space", "scroll(10)", "Down", show=False),
        Binding("pageup", "scroll(-10)", "Up", show=False),
    ]

    def __init__(self, comparison: Comparison) -> None:
        super().__init__()
        self._comparison = comparison
        counts = [times_chosen(comparison.session, side.variant) for side in comparison.sides]
        self._panes = [
            SidePane(number, side, side.variant.title + (f" · chosen {count} of {sum(counts)}" if sum(counts) else ""))
            for number, side, count in zip((1, 2), comparison.sides, counts, strict=True)
        ]

    def compose(self) -> ComposeResult:
        with DialogFrame("Compare", "↑ ↓ scroll", "1 2 choose", "Esc cancel", id="compare"), Container(id="sides"):
            yield from self._panes

    def on_mount(self) -> None:
        self._arrange(self.app.size.width)

    def on_resize(self, event: events.Resize) -> None:
        self._arrange(event.size.width)

    def _arrange(self, columns: int) -> None:
        self.query_one("#sides").set_class(columns < WIDE, "-stacked")

    def progress(self, change: ReplyChange) -> None:
        """Show a change of one of the replies."""
        for pane, side in zip(self._panes, self._comparison.sides, strict=True):
            if side.session is change.session and pane.is_mounted:
                pane.grow(change)

    def action_choose(self, index: int) -> None:
        side = self._comparison.sides[index]
        pane = self._panes[index]
        if not side.ended:
            pane.note.show("This reply is not complete yet.")
        elif side.node is None:
            pane.note.show("There is no reply to go on from.")
        else:
            self.dismiss(side)

    def action_scroll(self, rows: int) -> None:
        for pane in self._panes:
            pane.scroll(rows)
