"""List of sessions, one line each."""

import time
from collections.abc import Sequence
from functools import lru_cache

from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui.config.keymap import bindings
from tui.formatting.units import age
from tui.services.session import Line
from tui.widgets.drawn_line import DrawnLine
from tui.widgets.plain_text import plain

MARKS = {"idle": " ", "queued": "◌", "streaming": "◐", "unread": "●"}
KINDS = {"chat": " ", "story": "¶"}
PIN = "*"
MORE = "more"  # id of the "load more" option
MARK, MUTED = "$accent", "$text-muted"
INDENT = 4  # width of the marks before a title
LINES = 512  # cached ones: few of them change when the list does


class SessionList(OptionList):
    """Enter or a click opens a session."""

    BINDINGS = bindings("sessions")

    def __init__(self) -> None:
        super().__init__(id="session-list", compact=True, markup=False)
        self.set_reactive(SessionList.auto_links, False)  # looked for in each row that is drawn
        self._listed: tuple[Sequence[Line], str, bool] = ((), "", True)
        self._shown: tuple[object, ...] = ()

    def action_open_session(self) -> None:
        self.action_select()

    @property
    def highlighted_id(self) -> str | None:
        option = self.highlighted_option
        return None if option is None else option.id

    @property
    def highlighted_pinned(self) -> bool:
        return any(line.pinned for line in self._listed[0] if line.id == self.highlighted_id)

    def list(self, lines: Sequence[Line], current: str, complete: bool) -> None:
        """Show these, in this order. While the list is focused the highlight stays, unless another session was opened;
        otherwise it is on the open session.
        """
        before = self._listed[1]
        self._listed = (lines, current, complete)
        ages = [age(time.time() - line.updated) for line in lines]
        attended = isinstance(self.parent, Widget) and self.parent.has_focus_within
        width = self.size.width
        shown = (tuple(lines), tuple(ages), current, complete, width, attended)
        if shown == self._shown and self.highlighted is not None and (attended or self.highlighted_id == current):
            return
        self._shown = shown
        options = [
            Option(_line(line, line.id == current, ages[index], width), id=line.id) for index, line in enumerate(lines)
        ]
        if not complete:
            options.append(Option(plain(" " * INDENT + "Load more…", MUTED), id=MORE))
        if not options:
            options.append(Option(plain(" " * INDENT + "No matching sessions", MUTED), disabled=True))
        ids = [option.id for option in options]
        left = before != current and before in ids  # it was not deleted
        wanted = self.highlighted_id if attended and not left else current
        highlighted = self._highlight(ids, wanted, attended)
        self._put(options)
        if self.highlighted != highlighted:
            self.highlighted = highlighted

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


@lru_cache(maxsize=LINES)
def _line(line: Line, current: bool, age: str, width: int) -> DrawnLine:
    marks = Content.assemble((MARKS[line.state], MARK), (PIN if line.pinned else " ", MUTED), (KINDS[line.mode], MUTED))
    title = plain(line.title, "bold" if current else "")
    room = max(4, width - INDENT - 5)
    row = Content(" ").join([marks, title.truncate(room, ellipsis=True, pad=True), plain(f"{age:>3}", MUTED)])
    return DrawnLine(row, (MARK, MUTED))
