"""What is pressed as soon as the program has the screen is the program's."""

import sys
import termios
from pathlib import Path

import pytest

from tests.e2e.talking import ENTERING
from tests.e2e.terminal import Terminal

pytestmark = pytest.mark.e2e

# The program, where it takes a while until the terminal hands over each key.
LATE = """\
import sys, termios, time
at_once = termios.tcsetattr
def late(*arguments):
    time.sleep(0.3)
    at_once(*arguments)
termios.tcsetattr = late
from tui.cli import main
main()
"""


def test_the_keys_are_its_own_before_the_screen_is(tiny_model: Path) -> None:
    """Or Ctrl+Q, which otherwise lets a terminal go on that Ctrl+S has stopped, would be lost."""
    with Terminal([sys.executable, "-c", LATE, "--model", str(tiny_model)]) as terminal:
        while ENTERING not in terminal.raw:
            terminal.pump()
        modes = termios.tcgetattr(terminal._child.child_fd)
        assert not modes[0] & termios.IXON and not modes[3] & (termios.ICANON | termios.ISIG | termios.ECHO)
        terminal.press("ctrl+q")
        assert terminal.wait() == 0
