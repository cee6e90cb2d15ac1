"""Sidebar: the session list with a title filter and inline renaming."""

from collections.abc import Sequence

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from tui.services.session import Line
from tui.widgets.list_keys import list_bindings, move
from tui.widgets.plain_text import Plain
from tui.widgets.safe_input import Field
from tui.widgets.session_list import INDENT, MORE, SessionList

NARROWEST, WIDEST = 30, 36  # cells; as an overlay always the latter
BESIDE = INDENT + 6  # cells beside a title: marks, age, scrollbar


class TitleFilter(Field):
    """Arrow keys move the highlight of the list."""

    BINDINGS = list_bindings()

    def action_move(self, key: str) -> None:
        move(self.query_ancestor(Sidebar).sessions, key)


class Sidebar(Vertical):
    """Collapses on a narrow screen, where it opens as an overlay."""

    class Filtered(Message):
        """The title filter changed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Renamed(Message):
        """The session was renamed; an empty title means the automatic one."""

        def __init__(self, session_id: str, title: str) -> None:
            super().__init__()
            self.session_id = session_id
            self.title = title

    def __init__(self) -> None:
        super().__init__(id="sidebar")
        self.sessions = SessionList()
        self._notice = Plain(id="sidebar-notice")
        self._filter = TitleFilter(placeholder="Filter by title", id="session-filter")
        self._field = Field(id="session-title")
        self._renaming: tuple[str, str] | None = None  # session id and old title
        self._before: tuple[Widget | None, bool, bool] = (None, False, False)  # focus, -opened, -closed

    def compose(self) -> ComposeResult:
        with Horizontal(id="sidebar-head"):
            yield Plain("Sessions", id="sidebar-title")
            yield self._filter
        yield self.sessions
        yield self._notice
        yield self._field

    def on_mount(self) -> None:
        self._filter.display = self._field.display = False
        self.watch(self.sessions, "scroll_y", self.place_field, init=False)

    def say(self, notice: str) -> None:
        """Show the notice here while the sidebar covers its usual place."""
        self._notice.show(notice)
        self._notice.set_class(bool(notice), "-said")

    @property
    def highlighted_id(self) -> str | None:
        """The session that keys act on, if any."""
        highlighted = self.sessions.highlighted_id
        return None if highlighted == MORE else highlighted

    def list(self, lines: Sequence[Line], current: str, complete: bool) -> None:
        """List these sessions, and keep the title field over the one that is renamed."""
        widest = max((cell_len(line.title) for line in lines), default=0) + BESIDE
        overlaid = self.screen.has_class("-tiny") or self.screen.has_class("-narrow")
        self.styles.width = WIDEST if overlaid else max(NARROWEST, min(WIDEST, self.app.size.width * 3 // 10, widest))
        self.sessions.list(lines, current, complete)
        self.place_field()

    def on_resize(self) -> None:
        self.call_after_refresh(self.place_field)

    def leave(self) -> bool:
        """Cancel renaming or filtering; False if neither is active."""
        if self._renaming:
            self._end_renaming()
            return True
        if self._filter.display and self.has_focus_within:
            self.sessions.focus()
            self.list_all()
            return True
        return False

    # ---- filtering

    def filter(self, words: str) -> None:
        """Open the title filter, with ``words`` in it."""
        self._filter.value = words or self._filter.value
        self._filter.display = True
        self._filter.focus()

    def list_all(self) -> None:
        """Clear the filter."""
        self._filter.display = False
        self._filter.value = ""

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if event.input is self._filter:
            self.sessions.highlighted = None  # falls back to the first match
            self.post_message(self.Filtered(event.value))

    # ---- renaming

    def rename(self, session_id: str, title: str) -> None:
        """Start inline renaming."""
        if self._renaming:
            return
        self._before = (self.screen.focused, self.has_class("-opened"), self.has_class("-closed"))
        self._renaming = (session_id, title)
        self._field.value = title
        self._field.cursor_position = len(title)
        self._field.display = True
        self._field.focus()
        self.call_after_refresh(self.place_field)

    def _end_renaming(self) -> None:
        self._renaming = None
        self._field.display = False
        focused, opened, closed = self._before
        self.set_class(opened, "-opened").set_class(closed, "-closed")
        (focused or self.sessions).focus()

    def place_field(self) -> None:
        """Keep the field over the renamed line, or at the nearest edge if that is scrolled out."""
        if self._renaming is None:
            return
        sessions = self.sessions
        ids = [option.id for option in sessions.options]
        if self._renaming[0] not in ids:
            self._end_renaming()
            return
        row = ids.index(self._renaming[0]) - sessions.scroll_offset.y
        y = sessions.region.y - self.region.y + min(max(row, 0), max(sessions.size.height - 1, 0))
        self._field.styles.offset = (INDENT, y)

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        self.sessions.settle()
        self.place_field()
        if event.widget is self._field and self._renaming and self.app.app_focus:
            self._before = (self.screen.focused, *self._before[1:])
            self._end_renaming()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.input is self._filter:
            self.sessions.call_later(self.sessions.action_select)  # posted from this handler, it would be stopped here
        elif self._renaming:
            session_id, title = self._renaming
            self._end_renaming()
            if event.value != title:
                self.post_message(self.Renamed(session_id, event.value))
