"""The sessions, one line each, with a mark for what each is doing."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui.session import Session
from tui.settings.keymap import bindings

MARKS = {"idle": " ", "queued": "◌", "streaming": "◐", "unread": "●"}
KINDS = {"chat": " ", "story": "¶"}


class SessionList(OptionList):
    """Enter or a click opens a session."""

    BINDINGS = bindings("sessions")

    def __init__(self) -> None:
        super().__init__(id="session-list", compact=True)

    def action_open_session(self) -> None:
        self.action_select()

    @property
    def highlighted_id(self) -> str | None:
        option = self.highlighted_option
        return None if option is None else option.id

    def list(self, sessions: Sequence[Session], current: Session) -> None:
        """Show these, in this order; the highlight stays on what it was on while the list has the focus."""
        wanted = self.highlighted_id if self.has_focus else current.id
        options = [Option(_line(session, session is current), id=session.id) for session in sessions]
        if [option.id for option in self.options] == [option.id for option in options]:
            for index, option in enumerate(options):
                if self.get_option_at_index(index).prompt != option.prompt:
                    self.replace_option_prompt_at_index(index, option.prompt)
        else:
            self.clear_options()
            self.add_options(options)
        ids = [session.id for session in sessions]
        index = ids.index(wanted) if wanted in ids else ids.index(current.id)
        if self.highlighted != index:
            self.highlighted = index


class Sidebar(Vertical):
    """Folds away where the screen is narrow; then it opens over the messages."""

    def compose(self) -> ComposeResult:
        yield Static("Sessions", id="sidebar-title", markup=False)
        yield SessionList()
        yield Static("Enter open · d delete", id="sidebar-keys", markup=False)


def _line(session: Session, current: bool) -> Content:
    mark = Content.styled(MARKS[session.state], "$accent")
    kind = Content.styled(KINDS[session.mode], "$text-muted")
    title = Content.styled(session.title, "bold" if current else "")
    return Content(" ").join([mark, kind, title])
