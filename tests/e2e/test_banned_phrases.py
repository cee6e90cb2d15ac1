"""Phrases banned in the settings and in F6: the real program never shows one, nor keeps one."""

from pathlib import Path

import pytest

from tests.e2e.talking import LOADED, PROGRAM, quit_program, rest, say, texts, until_stored
from tests.e2e.terminal import Terminal
from tui.config.settings import load_settings

pytestmark = pytest.mark.e2e


def test_what_is_banned_is_never_written(counting_model: Path, config: Path) -> None:
    """By a model that writes nothing but digits and blanks."""
    config.write_text('ban = ["1", "6 3"]\nmax_tokens = 200\nseed = 1\n')
    file = load_settings().db
    with Terminal([PROGRAM, "--model", str(counting_model)], answers=True) as terminal:
        terminal.until(LOADED)
        say(terminal, "count")
        rest(terminal)
        until_stored(terminal, file, lambda found: len(found[-1]) >= 200)
        first = texts(file)[-1]
        assert "1" not in first and "6 3" not in first and "6" in first and "3" in first

        terminal.press("f6")
        terminal.until("banned phrases")
        terminal.press(*["tab"] * 9, '"3", "6"', "enter")
        terminal.until('Saved: banned phrases "3", "6"')
        say(terminal, "and again")
        rest(terminal)
        until_stored(terminal, file, lambda found: len(found) > 3 and len(found[-1]) >= 200)
        second = texts(file)[-1]
        assert "3" not in second and "6" not in second and "1" in second
        quit_program(terminal)
