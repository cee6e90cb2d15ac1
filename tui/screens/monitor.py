"""The monitor: what the engine does, each session's reply, and what memory is used for."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from tui.formatting.units import counted, size
from tui.screens.dialog import Dialog
from tui.services.monitor import Memory, Monitor, Rates
from tui.services.session import Session
from tui.widgets.dialog_frame import DialogFrame
from tui.widgets.plain_text import plain
from tui.widgets.session_list import MARKS
from tui.widgets.status_bar import Activity, rate

SECONDS = 0.5  # between two looks
LEVELS = "▁▂▃▄▅▆▇█"
LABEL = 26  # cells of a row before its figure


class MonitorScreen(Dialog[None]):
    """Looked at and drawn twice a second. ``activity`` tells what a session's model is doing."""

    BINDINGS = [  # noqa: RUF012  as Textual declares it
        Binding("escape,f12", "dismiss", "Close", show=False),
        Binding("down", "scroll(1)", "Down", show=False),
        Binding("up", "scroll(-1)", "Up", show=False),
        Binding("pagedown", "scroll(10)", "Down", show=False),
        Binding("pageup", "scroll(-10)", "Up", show=False),
    ]

    def __init__(self, monitor: Monitor, sessions: Iterable[Session], activity: Callable[[Session], Activity]) -> None:
        super().__init__()
        self._page = MonitorPage(monitor, sessions, activity)

    def compose(self) -> ComposeResult:
        with DialogFrame("Monitor", "↑ ↓ scroll", "Esc close", id="monitor"), VerticalScroll(can_focus=False):
            yield self._page

    def action_scroll(self, rows: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=rows, animate=False)


class MonitorPage(Widget):
    """The rows, cut to the widget's width."""

    def __init__(self, monitor: Monitor, sessions: Iterable[Session], activity: Callable[[Session], Activity]) -> None:
        super().__init__()
        self._monitor = monitor
        self._sessions = sessions
        self._activity = activity
        self._memory = monitor.memory()

    def on_mount(self) -> None:
        self._look()
        self.set_interval(SECONDS, self._look)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Computed before the first paint, or an empty box would flash."""
        return len(self._rows(width))

    def render(self) -> Content:
        return Content("\n").join(self._rows(self.content_size.width))

    def _look(self) -> None:
        self._monitor.look(time.monotonic())
        self._memory = self._monitor.memory()
        self.refresh(layout=True)

    def _rows(self, width: int) -> list[Content]:
        sessions = [(session, self._activity(session)) for session in self._sessions]
        parts = [engine_rows(self._monitor.rates, width), session_rows(sessions, width), memory_rows(self._memory)]
        return [row for part in parts for row in (*part, plain(""))][:-1]


def engine_rows(rates: Sequence[Rates], width: int) -> Iterator[Content]:
    """The engine's rate now, and over time as a curve from 0 to its highest point."""
    yield _heading("Engine")
    now = rates[-1] if rates else Rates(0.0, 0.0)
    yield _row("All replies", rate(now.tokens_per_second))
    yield _row("Replies at once", f"{now.batch:.1f} on average" if now.batch else "none now")
    seen = [each.tokens_per_second for each in rates][-max(1, width - LABEL) :]
    if seen and max(seen) > 0:
        about = f"Last {round(len(seen) * SECONDS)} s, up to {round(max(seen))}"
        yield _row(about, curve(seen), "$accent")


def session_rows(sessions: Iterable[tuple[Session, Activity]], width: int) -> Iterator[Content]:
    """What each session in memory does, those with a reply first, and its cache."""
    yield _heading("Sessions")
    shown = sorted(((s, a) for s, a in sessions if s.reply or s.engine), key=lambda each: each[0].reply is None)
    for session, activity in shown:
        word = f"{activity.word} {activity.detail}".strip() if session.reply else "idle"
        engine = session.engine
        cache = f"cache {size(engine.resident_bytes)}" if engine and engine.resident_bytes else "no cache in memory"
        count = session.reply.generated if session.reply else 0
        tokens = [counted(count, "token")] if count else []
        title = plain(f"{MARKS[session.state]} {session.public_title}").truncate(LABEL - 2, ellipsis=True, pad=True)
        told = plain(" · ".join([word, *tokens, cache]), "$text-muted")
        yield Content("  ").join([title, told]).truncate(max(1, width), ellipsis=True)
    if not shown:
        yield plain("No session has a cache in memory yet.", "$text-muted")


def memory_rows(memory: Memory) -> Iterator[Content]:
    """Memory by kind."""
    yield _heading("Memory")
    yield _row("Caches in use", size(memory.busy))
    yield _row("Idle caches", size(memory.idle))
    if memory.waiting:
        yield _row("Caches going to the disk", size(memory.waiting))
    yield _row("Models and the program", size(memory.rest))
    if memory.free is not None:
        yield _row("Free for this program", size(memory.free))


def curve(values: Sequence[float]) -> str:
    """One character for each value, from 0 to the highest."""
    highest = max(values, default=0) or 1
    return "".join(LEVELS[min(len(LEVELS) - 1, int(value / highest * len(LEVELS)))] for value in values)


def _heading(text: str) -> Content:
    return plain(text, "bold $accent")


def _row(label: str, figure: str, style: str = "") -> Content:
    return Content.assemble(plain(f"{label:<{LABEL}}", "$text-muted"), plain(figure, style))
