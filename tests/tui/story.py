"""The story pane and its status line, as tests see them."""

from textual.pilot import Pilot

from tests.tui.conftest import app_of
from tui.widgets.story_editor import StoryPane


def line(pilot: Pilot[None]) -> str:
    return " · ".join(app_of(pilot).main.story_line.figures)


def pane(pilot: Pilot[None]) -> StoryPane:
    found = app_of(pilot).main.story_pane
    assert found
    return found
