"""What stands behind characters of disputed width stands where we think, in tmux as it is, too."""

import shutil
import sys
import time
from pathlib import Path

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from tests.e2e.test_tmux import Tmux
from tui.terminal.emoji_width import steady
from tui.terminal.screen_buffer import Canvas

DISPUTED = [
    *("❤\ufe0f", "☀\ufe0f!", "👩\u200d👧", "👩\u200d👩\u200d👧\u200d👦", "🇩🇪", "🇩🇪🇫🇷", "👍🏽", "1\ufe0f\u20e3"),
    *("🫠", "🫨", "⚠\ufe0e", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"),
    *("🏳\ufe0f\u200d🌈", "☺\ufe0f☺\ufe0f", "a\u00adb"),
]


class NarrowScreen(pyte.Screen):
    """A terminal that takes everything for one cell wide."""

    def draw(self, data: str) -> None:
        super().draw("".join("#" if ord(character) > 0x2000 else character for character in data))


@pytest.mark.parametrize("text", DISPUTED)
def test_text_behind_it_stands_in_its_column(text: str) -> None:
    screen = NarrowScreen(40, 3)
    pyte.Stream(screen).feed("x" * 40 + f"\x1b[1;1H{steady(text)}|")
    assert screen.display[0].index("|") == cell_len(text)
    assert set(screen.display[0][: cell_len(text)]) <= set("# !12ab\u00ad")  # nothing is left of what stood there


@given(st.text(st.sampled_from("ab é…│漢あק\u05b8")))
def test_other_text_is_written_as_it_is(text: str) -> None:
    assert steady(text) == text


def test_a_look_that_ends_within_a_picture_stays_a_look() -> None:
    """As a cursor does in a text that is written: what is joined to nothing is joined to no sequence."""
    strip = Strip(
        [Segment("👩", Style(reverse=True)), Segment("\u200d👧 |"), Segment("\ufe0f\u20e3.", Style(bold=True))]
    )
    screen = pyte.Screen(40, 2)
    console = Console(color_system="truecolor", width=40, height=2)
    pyte.Stream(screen).feed(Canvas().draw(LayoutUpdate([[strip]], Region(0, 0, 40, 1)), console, 40))
    assert "|" in screen.display[0] and "m" not in screen.display[0] and "[" not in screen.display[0]


@pytest.mark.e2e
@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed: its widths are left out")
def test_tmux_has_the_cursor_where_we_have_it(tmp_path: Path) -> None:
    for number, text in enumerate(DISPUTED):
        (tmp_path / str(number)).write_text(steady(text))
    show = "import sys,time; sys.stdout.write(open(sys.argv[1]).read()); sys.stdout.flush(); time.sleep(60)"
    wrong = []
    tmux = Tmux(tmp_path / "socket", "sleep 60", columns=60, rows=10)
    try:
        for number, text in enumerate(DISPUTED):
            tmux.run("respawn-pane", "-k", sys.executable, "-c", show, str(tmp_path / str(number)))
            end = time.monotonic() + 20
            column = 0
            while column != cell_len(text) and time.monotonic() < end:
                column = int(tmux.run("display-message", "-p", "#{cursor_x}"))
            if column != cell_len(text):
                wrong.append((text, column, cell_len(text)))
    finally:
        tmux.run("kill-server")
    assert wrong == []
