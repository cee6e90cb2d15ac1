"""The sessions, one line each, with a mark for what each is doing."""

import time
from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui.session import Line
from tui.settings.keymap import bindings

MARKS = {"idle": " ", "queued": "◌", "streaming": "◐", "unread": "●"}
KINDS = {"chat": " ", "story": "¶"}
MORE = "more"  # the option that asks for more of them
AGES = ((60, 1, "now"), (3600, 60, "m"), (86400, 3600, "h"), (7 * 86400, 86400, "d"), (365 * 86400, 7 * 86400, "w"))


class SessionList(OptionList):
    """Enter or a click opens a session."""

    BINDINGS = bindings("sessions")

    def __init__(self) -> None:
        super().__init__(id="session-list", compact=True)
        self._shown: tuple[object, ...] = ()

    def action_open_session(self) -> None:
        self.action_select()

    @property
    def highlighted_id(self) -> str | None:
        option = self.highlighted_option
        return None if option is None else option.id

    def list(self, lines: Sequence[Line], current: str, complete: bool) -> None:
        """Show these, in this order; the highlight stays on what it was on while the list has the focus."""
        ages = [age(time.time() - line.updated) for line in lines]
        shown = (tuple(lines), tuple(ages), current, complete, self.size.width)
        if shown == self._shown:
            return
        self._shown = shown
        wanted = self.highlighted_id if self.has_focus else current
        options = [
            Option(_line(line, line.id == current, ages[index], self.size.width), id=line.id)
            for index, line in enumerate(lines)
        ]
        if not complete:
            options.append(Option(Content.styled("    … more", "$text-muted"), id=MORE))
        if [option.id for option in self.options] == [option.id for option in options]:
            for index, option in enumerate(options):
                if self.get_option_at_index(index).prompt != option.prompt:
                    self.replace_option_prompt_at_index(index, option.prompt)
        else:
            self.clear_options()
            self.add_options(options)
        ids = [line.id for line in lines]
        highlighted = ids.index(wanted if wanted in ids else current) if current in ids else None
        if self.highlighted != highlighted:
            self.highlighted = highlighted


class Sidebar(Vertical):
    """Folds away where the screen is narrow; then it opens over the messages."""

    def compose(self) -> ComposeResult:
        yield Static("Sessions", id="sidebar-title", markup=False)
        yield SessionList()
        yield Static("Enter open · d delete", id="sidebar-keys", markup=False)


def age(seconds: float) -> str:
    """How long ago, in at most three characters."""
    for limit, unit, name in AGES:
        if seconds < limit:
            return name if name == "now" else f"{int(seconds // unit)}{name}"
    return f"{min(99, int(seconds // (365 * 86400)))}y"


def _line(line: Line, current: bool, age: str, width: int) -> Content:
    mark = Content.styled(MARKS[line.state], "$accent")
    kind = Content.styled("*" if line.pinned else KINDS[line.mode], "$text-muted")
    title = Content.styled(line.title, "bold" if current else "")
    room = max(4, width - 9)
    return Content(" ").join(
        [mark, kind, title.truncate(room, ellipsis=True, pad=True), Content.styled(f"{age:>3}", "$text-muted")]
    )
