"""What the program asks of the terminal, and gives back."""

import re
import signal
import time
from pathlib import Path

import pytest

from tests.commit_params import first_of
from tests.e2e.talking import LOADED, PROGRAM, conversations, quit_program, say
from tests.e2e.terminal import PATIENCE, Terminal
from tui.config.settings import load_settings

pytestmark = pytest.mark.e2e
MOUSE = b"\x1b[?1000h"


@pytest.mark.parametrize("off", first_of(["flag", "setting", ""]))
def test_without_the_mouse_the_terminal_selects(tiny_model: Path, config: Path, off: str) -> None:
    if off == "setting":
        config.write_text("mouse = false\n")
    arguments = ["--mouse", "off"] if off == "flag" else []
    with Terminal([PROGRAM, "--model", str(tiny_model), *arguments]) as terminal:
        terminal.until(LOADED)
        quit_program(terminal)
        assert (MOUSE in terminal.raw) == (not off)


OSC = re.compile(rb"\x1b\][^\x07\x1b]*\x07")
TITLE = re.compile(rb"\x1b\]2;([^\x07]*)\x07")


def titles(terminal: Terminal) -> list[str]:
    """All that the terminal was told, from the first on."""
    return [found.decode() for found in TITLE.findall(terminal.raw)]


def until_titled(terminal: Terminal, ending: str) -> None:
    end = time.monotonic() + PATIENCE
    while not (titles(terminal) and titles(terminal)[-1].endswith(ending)):
        assert time.monotonic() < end, titles(terminal)
        terminal.pump()


def test_the_title_tells_the_session_and_is_given_back(talkative_model: Path) -> None:
    with Terminal([PROGRAM, "--model", str(talkative_model)]) as terminal:
        until_titled(terminal, "New chat · llm-tui")
        terminal.until(LOADED)
        terminal.press("what is \x1b[200~a \x1b]2;b\x07 \x9b\x1b[201~ this", "enter")
        until_titled(terminal, "◐ what is a ␛]2;b␇ � this · llm-tui")
        terminal.press("escape")
        until_titled(terminal, "llm-tui")
        quit_program(terminal)
        assert titles(terminal)[-1] == ""
        assert terminal.raw.count(b"\x1b[22;2t") == terminal.raw.count(b"\x1b[23;2t") == 1
        assert terminal.raw.rindex(b"\x1b]2;\x07") < terminal.raw.index(b"\x1b[23;2t")


@pytest.mark.slow
def test_a_console_without_titles_is_not_written_to(tiny_model: Path) -> None:
    with Terminal([PROGRAM, "--model", str(tiny_model)], env={"TERM": "linux"}) as terminal:
        terminal.until(LOADED)
        quit_program(terminal)
        assert b"\x1b]2;" not in terminal.raw and b";2t" not in terminal.raw


@pytest.mark.slow
@pytest.mark.parametrize("focused", [False, True])
def test_a_bell_rings_when_a_reply_ends_that_nobody_looks_at(counting_model: Path, config: Path, focused: bool) -> None:
    config.write_text('notify = "bell"\nmax_tokens = 100\n')
    with Terminal([PROGRAM, "--model", str(counting_model)]) as terminal:
        terminal.until(LOADED)
        terminal.send("hello\r" + "\x1b[O" * (not focused))
        terminal.until("length limit")
        until_titled(terminal, "hello · llm-tui")
        assert (b"\x07" in OSC.sub(b"", terminal.raw)) == (not focused)


def test_suspending_gives_the_terminal_back(tiny_model: Path) -> None:
    """As Ctrl+Z does where nothing is to undo: /suspend, and the shell's fg."""
    with Terminal(["bash", "--norc", "--noprofile", "-i"]) as terminal:
        terminal.press(f"{PROGRAM} --model {tiny_model}", "enter")
        terminal.until(LOADED)
        terminal.press("/suspend", "enter")
        terminal.until("Stopped")
        assert titles(terminal)[-1] == "" and terminal.raw.count(b"\x1b[23;2t") == 1
        terminal.press("fg", "enter")
        terminal.until(LOADED)
        until_titled(terminal, "New chat · llm-tui")
        terminal.press("ctrl+q")
        end = time.monotonic() + PATIENCE
        while terminal.raw.count(b"\x1b[23;2t") < 2:
            assert time.monotonic() < end
            terminal.pump()
        assert titles(terminal)[-1] == ""


@pytest.mark.slow
@pytest.mark.parametrize("gone", [False, True])
def test_a_hang_up_finishes_the_replies_first(counting_model: Path, config: Path, gone: bool) -> None:
    config.write_text("finish_replies = true\nmax_tokens = 400\n")
    with Terminal([PROGRAM, "--model", str(counting_model)]) as terminal:
        terminal.until(LOADED)
        say(terminal, "count")
        if gone:
            terminal.hang_up()
        else:
            terminal.signal(signal.SIGHUP)
            terminal.signal(signal.SIGHUP)  # as the kernel and the shell both send it
        assert terminal.wait() == 128 + signal.SIGHUP
    (conversation,) = conversations(load_settings().db)
    assert conversation.tree.path()[-1].outcome.reason == "length"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_ends_the_program_at_once_stays(counting_model: Path, config: Path, number: signal.Signals) -> None:
    """Any other signal cuts the finishing short, and by default a hang-up does not wait."""
    finishing = number == signal.SIGTERM
    config.write_text(f"finish_replies = {str(finishing).lower()}\n")
    with Terminal([PROGRAM, "--model", str(counting_model)]) as terminal:
        terminal.until(LOADED)
        say(terminal, "count")
        if finishing:
            terminal.signal(signal.SIGHUP)
            terminal.until("Connection lost")
        terminal.signal(number)
        assert terminal.wait() == 128 + number
    (conversation,) = conversations(load_settings().db)
    assert conversation.tree.path()[-1].outcome.reason != "length"
