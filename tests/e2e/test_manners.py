"""What the program asks of the terminal, and gives back."""

from pathlib import Path

import pytest

from tests.e2e.talking import LOADED, PROGRAM, quit_program
from tests.e2e.terminal import Terminal

pytestmark = pytest.mark.e2e
MOUSE = b"\x1b[?1000h"


@pytest.mark.parametrize("off", ["flag", "setting", ""])
def test_without_the_mouse_the_terminal_selects(tiny_model: Path, config: Path, off: str) -> None:
    if off == "setting":
        config.write_text("mouse = false\n")
    arguments = ["--mouse", "off"] if off == "flag" else []
    with Terminal([PROGRAM, "--model", str(tiny_model), *arguments]) as terminal:
        terminal.until(LOADED)
        quit_program(terminal)
        assert (MOUSE in terminal.raw) == (not off)
