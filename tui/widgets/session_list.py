"""Session list with filter and inline renaming."""

import time
from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from tui.config.keymap import bindings, hint
from tui.config.watcher import Appearance
from tui.services.session import Line
from tui.widgets.plain_text import Plain, plain
from tui.widgets.safe_input import Field

MARKS = {"idle": " ", "queued": "◌", "streaming": "◐", "unread": "●"}
KINDS = {"chat": " ", "story": "¶"}
PIN = "*"
MORE = "more"  # id of the "load more" option
# Hints below the list while it is focused, and while it is not.
HINTS = {"filter_sessions": "filter", "pin_session": "pin", "delete_session": "delete", "rename_session": "rename"}
OUTSIDE = {"switch_session": "switch", "search": "search"}
INDENT = 4  # width of the marks before a title
AGES = ((60, 1, "now"), (3600, 60, "m"), (86400, 3600, "h"), (7 * 86400, 86400, "d"), (365 * 86400, 7 * 86400, "w"))


class SessionList(OptionList):
    """Enter or a click opens a session."""

    BINDINGS = bindings("sessions")

    def __init__(self) -> None:
        super().__init__(id="session-list", compact=True, markup=False)
        self._listed: tuple[Sequence[Line], str, bool] = ((), "", True)
        self._shown: tuple[object, ...] = ()

    def action_open_session(self) -> None:
        self.action_select()

    @property
    def highlighted_id(self) -> str | None:
        option = self.highlighted_option
        return None if option is None else option.id

    def list(self, lines: Sequence[Line], current: str, complete: bool) -> None:
        """Show these, in this order. While the list is focused the highlight stays, unless another session was opened;
        otherwise it is on the open session.
        """
        before = self._listed[1]
        self._listed = (lines, current, complete)
        ages = [age(time.time() - line.updated) for line in lines]
        attended = self.query_ancestor(Sidebar).has_focus_within
        shown = (tuple(lines), tuple(ages), current, complete, self.size.width, attended)
        if shown == self._shown and self.highlighted is not None:
            return
        self._shown = shown
        options = [
            Option(_line(line, line.id == current, ages[index], self.size.width), id=line.id)
            for index, line in enumerate(lines)
        ]
        if not complete:
            options.append(Option(plain(" " * INDENT + "Load more…", "$text-muted"), id=MORE))
        if not options:
            options.append(Option(plain(" " * INDENT + "No matching sessions", "$text-muted"), disabled=True))
        ids = [option.id for option in options]
        left = before != current and before in ids  # it was not deleted
        wanted = self.highlighted_id if attended and not left else current
        highlighted = self._highlight(ids, wanted, attended)
        self._put(options)
        if self.highlighted != highlighted:
            self.highlighted = highlighted
        self.query_ancestor(Sidebar).place_field()

    def settle(self) -> None:
        """Update for the current width and focus."""
        self.list(*self._listed)

    def on_resize(self) -> None:
        self.settle()

    def _highlight(self, ids: Sequence[str | None], wanted: str | None, attended: bool) -> int | None:
        """Index to highlight: that of ``wanted``, or the previous index if it is gone and the list is focused."""
        if wanted in ids and wanted not in (None, MORE):
            return ids.index(wanted)
        if not attended or ids == [None]:
            return None
        return min(self.highlighted or 0, len(ids) - 1)

    def _put(self, options: Sequence[Option]) -> None:
        if [option.id for option in self.options] == [option.id for option in options]:
            for index, option in enumerate(options):
                if self.get_option_at_index(index).prompt != option.prompt:
                    self.replace_option_prompt_at_index(index, option.prompt)
        else:
            offset = self.scroll_offset
            self.clear_options()
            self.add_options(options)
            self.scroll_to(y=offset.y, animate=False, immediate=True)


class TitleFilter(Field):
    """Arrow keys move the highlight of the list."""

    BINDINGS = [  # noqa: RUF012  as Textual declares it
        Binding(key, f"move('{step}')", show=False)
        for key, step in (
            ("up", "cursor_up"),
            ("down", "cursor_down"),
            ("pageup", "page_up"),
            ("pagedown", "page_down"),
        )
    ]

    def action_move(self, step: str) -> None:
        getattr(self.query_ancestor(Sidebar).sessions, f"action_{step}")()


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

    def __init__(self, appearance: Appearance) -> None:
        super().__init__(id="sidebar")
        self._appearance = appearance
        self.sessions = SessionList()
        self._notice = Plain(id="sidebar-notice")
        self._hint = Plain(id="sidebar-keys")
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
        yield self._hint
        yield self._field

    def on_mount(self) -> None:
        self._filter.display = self._field.display = False
        self.watch(self.sessions, "scroll_y", self.place_field, init=False)
        self._show_hint()

    def _show_hint(self) -> None:
        self._hint.show(hint(self._appearance.keymap, HINTS if self.has_focus_within else OUTSIDE))

    def on_descendant_focus(self) -> None:
        self._show_hint()

    def say(self, notice: str) -> None:
        """Show the notice here while the sidebar covers its usual place."""
        self._notice.show(notice)
        self._notice.set_class(bool(notice), "-said")

    @property
    def highlighted_id(self) -> str | None:
        """The session that keys act on, if any."""
        highlighted = self.sessions.highlighted_id
        return None if highlighted == MORE else highlighted

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
        self._show_hint()
        self.sessions.settle()
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


def age(seconds: float) -> str:
    """Age in at most three characters."""
    for limit, unit, name in AGES:
        if seconds < limit:
            return name if name == "now" else f"{int(seconds // unit)}{name}"
    return f"{min(99, int(seconds // (365 * 86400)))}y"


def _line(line: Line, current: bool, age: str, width: int) -> Content:
    marks = Content.assemble(
        (MARKS[line.state], "$accent"), (PIN if line.pinned else " ", "$text-muted"), (KINDS[line.mode], "$text-muted")
    )
    title = plain(line.title, "bold" if current else "")
    room = max(4, width - INDENT - 5)
    return Content(" ").join([marks, title.truncate(room, ellipsis=True, pad=True), plain(f"{age:>3}", "$text-muted")])
