"""The monitor on a real terminal, with the real engine, while a reply is generated behind it."""

from pathlib import Path

import pytest

from tests.e2e.talking import LOADED, PROGRAM, say, stop, until_gone
from tests.e2e.terminal import Terminal

pytestmark = pytest.mark.e2e


@pytest.mark.jit
@pytest.mark.parametrize(("rows", "columns"), [(24, 80), pytest.param(48, 160, marks=pytest.mark.slow)])
def test_it_shows_a_reply_while_it_is_generated(talkative_model: Path, rows: int, columns: int) -> None:
    with Terminal([PROGRAM, "--model", str(talkative_model)], rows, columns) as terminal:
        terminal.until(LOADED)
        say(terminal, "go on")
        terminal.press(*["f12"] * (1 if columns == 160 else 2))  # wide, the figures are there already
        terminal.until(r"Monitor(.|\n)*All replies +[1-9][\d.]* tok/s(.|\n)*Replies at once +1\.0")
        terminal.until(r"Last \d+ s, up to \d+ +[▁▂▃▄▅▆▇█]+")
        terminal.until(r"◐ go on +generating(.|\n)*Caches in use +[\d.]+ MB(.|\n)*Free for this program +[\d.]+ GB")
        terminal.press("escape")
        until_gone(terminal, "Monitor")
        stop(terminal)
