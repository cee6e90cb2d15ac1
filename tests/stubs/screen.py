"""The main screen and its presenter as far as actions use them: what was done to them can be read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from unittest.mock import Mock

from tui.services.session import Session
from tui.services.workspace import Workspace


class FakeComposer(Mock):
    """An input that holds a text."""

    def __init__(self, **names: object) -> None:
        super().__init__(**names)
        self.text = self.set_aside = ""
        self.leave.return_value = False

    @property
    def whole(self) -> str:
        return self.text

    @property
    def unsent(self) -> str:
        return self.text

    def put(self, text: str) -> None:
        self.text = text

    def _get_child_mock(self, **names: object) -> Mock:
        return Mock(**names)


class FakeScreen(Mock):
    """``focused`` is what was focused last."""

    def __init__(self, **names: object) -> None:
        super().__init__(**names)
        self.composer = FakeComposer()
        self.composer.escape.return_value = False
        self.transcript.chosen = self.transcript.passage = None
        self.sidebar.has_focus_within = False
        self.sidebar.leave.return_value = self.find_bar.leave.return_value = False
        self.sessions.has_focus = self.composer.has_focus = False
        self.get_selected_text.return_value = ""
        self.focused = None

    def set_focus(self, widget: object) -> None:
        self.focused = widget

    def _get_child_mock(self, **names: object) -> Mock:
        return Mock(**names)


@dataclass
class FakePresenter:
    workspace: Workspace
    shown: list[Session] = field(default_factory=list)
    refreshed: int = 0
    collected: int = 0

    def say(self, notice: str) -> None:
        self.workspace.current.notify(notice)

    def show(self, to_end: bool = True) -> None:
        self.shown.append(self.workspace.current)

    def refresh(self) -> None:
        self.refreshed += 1

    def collect(self) -> bool:
        self.collected += 1
        return False


@dataclass
class FakePane:
    """A story's editor: a text with a cursor in it, at its end if not said otherwise."""

    text: str = ""
    cursor: int | None = None
    read_only: bool = False
    generated: int | None = None  # where generated text begins that was shown
    location: tuple[int, int] | None = None  # where the cursor was moved to
    walked: int | None = None  # start of the piece of which another version was shown last
    source: object = "the tree"

    @property
    def before_cursor(self) -> str:
        return self.text[: self.cursor]

    def loses(self, text: str) -> bool:
        return False

    def begin(self) -> None:
        self.text, self.cursor, self.read_only, self.walked = self.before_cursor, None, True, None

    def show_other(self, text: str, place: int | None, written: int | None) -> None:
        self.text, self.cursor, self.generated, self.walked = text, None, written, place

    def call_after_refresh(self, callback: Callable[..., object], *args: object) -> None:
        callback(*args)

    def move_cursor(self, location: tuple[int, int], center: bool = False) -> None:
        self.location = location
