"""The real program through a real SSH login to this machine: keys, copies, and a line that drops."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conversation.integrity import sound
from tests.e2e.login import POSSIBLE, login_command, remotely, ssh_server
from tests.e2e.talking import COPIED, HELP, LOADED, PROGRAM, lost, quit_program, rest, say, until_lines
from tests.e2e.terminal import PATIENCE, Terminal
from tui.config.settings import load_settings

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(not POSSIBLE, reason="no SSH server is installed: logins are left out"),
]


@pytest.fixture
def login(tmp_path: Path) -> Iterator[list[str]]:
    """The command that logs in with a terminal, to a server of this test's own."""
    with ssh_server(tmp_path) as port:
        yield login_command(port, tmp_path)


def test_a_login_chats_copies_and_quits(login: list[str], tiny_model: Path) -> None:
    with Terminal([*login, remotely(f"{PROGRAM} --model {tiny_model}")]) as terminal:
        terminal.until(LOADED)
        terminal.press("what is this?", "enter")
        terminal.until("context [1-9]")
        rest(terminal)
        terminal.press("escape", "g", "y")
        terminal.until(COPIED)
        assert b"\x1b]52;c;d2hhdCBpcyB0aGlzPw==\a" in terminal.raw
        assert b"\x1bPtmux;" not in terminal.raw
        terminal.press("f1")
        terminal.until(HELP)
        terminal.press("escape")
        quit_program(terminal)


def test_resized_from_afar_while_it_streams_and_then_the_line_drops(login: list[str], counting_model: Path) -> None:
    with Terminal([*login, remotely(f"{PROGRAM} --model {counting_model}")], 48, 160) as terminal:
        terminal.until(LOADED)
        say(terminal, "count")
        for rows, columns in ((12, 40), (48, 160)):
            terminal.resize(rows, columns)
            lines = until_lines(terminal, 2)
        terminal.hang_up()
        end = time.monotonic() + PATIENCE
        while terminal.alive or lost(load_settings().db, lines):
            assert time.monotonic() < end, "the line has not dropped, or lines are lost"
            time.sleep(0.05)
    assert sound(load_settings().db)
    with Terminal([PROGRAM]) as terminal:
        terminal.until("── (Interrupted|Stopped)")
        quit_program(terminal)
