"""The real program where things go wrong around it: told to end, its terminal gone, the disk full."""

import contextlib
import signal
import time
from pathlib import Path

import pytest

from tests.conversation.disk import small_disk
from tests.conversation.integrity import sound
from tests.e2e.talking import (
    DISK_FULL,
    ENTERING,
    INTERRUPTED,
    LEAVING,
    LOADED,
    PROGRAM,
    UNSAVED,
    WRITING,
    lost,
    numbers,
    quit_program,
    say,
    stop,
    texts,
    until_full,
    until_gone,
    until_lines,
)
from tests.e2e.terminal import PATIENCE, Terminal
from tui.config.settings import load_settings

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGHUP, marks=pytest.mark.slow)])
def test_told_to_end_in_the_middle_of_a_reply(counting_model: Path, number: signal.Signals) -> None:
    with Terminal([PROGRAM, "--model", str(counting_model)]) as terminal:
        terminal.until(LOADED)
        say(terminal, "answer this")
        terminal.press("and then")
        lines = until_lines(terminal)
        terminal.signal(number)
        assert terminal.wait() == 128 + number
        assert b"Traceback" not in terminal.raw
    with Terminal([PROGRAM]) as terminal:
        terminal.until(INTERRUPTED)
        terminal.until("│ and then")
        assert lines and not lost(load_settings().db, lines)
        quit_program(terminal)


@pytest.mark.slow
def test_a_terminal_that_takes_nothing_holds_up_nothing(counting_model: Path) -> None:
    """As over a link that stalls: the reply goes on and is saved, and the screen catches up."""
    with Terminal([PROGRAM, "--model", str(counting_model)], 48, 160) as terminal:
        terminal.until(LOADED)
        say(terminal, "hello")
        until_full(terminal, load_settings().db)
        stop(terminal)
        lines = numbers(terminal)
        assert lines and not lost(load_settings().db, lines)
        assert lines[-1] in texts(load_settings().db)[-1].replace(" ", "")[-300:]
        quit_program(terminal)


@pytest.mark.slow
def test_told_to_end_while_the_terminal_takes_nothing(counting_model: Path) -> None:
    with Terminal([PROGRAM, "--model", str(counting_model)], 48, 160) as terminal:
        terminal.until(LOADED)
        say(terminal, "hello")
        until_full(terminal, load_settings().db)
        terminal.signal(signal.SIGTERM)
        end = time.monotonic() + PATIENCE
        while terminal.alive:
            assert time.monotonic() < end, "still running"
            time.sleep(0.1)
    assert sound(load_settings().db)


def test_stopped_and_continued_it_reads_on_as_one(tiny_model: Path) -> None:
    """As by `kill -STOP` and `fg`: there is one reader of the keys, as before."""
    with Terminal([PROGRAM, "--model", str(tiny_model)]) as terminal:
        terminal.until(LOADED)
        before, written = terminal.threads, len(terminal.raw)
        terminal.signal(signal.SIGSTOP)
        terminal.signal(signal.SIGCONT)
        terminal.press("one two three")
        terminal.until("│ one two three")
        assert terminal.threads == before
        # Leaving the terminal for a moment would throw away what is typed then.
        assert ENTERING in terminal.raw[written:] and LEAVING not in terminal.raw[written:]
        quit_program(terminal)


@pytest.mark.slow
def test_the_line_drops_after_it_had_stalled(counting_model: Path) -> None:
    """As over SSH: the terminal takes nothing any more, and only later is it gone."""
    terminal = Terminal([PROGRAM, "--model", str(counting_model)])
    terminal.until(LOADED)
    say(terminal, "hello")
    lines = until_lines(terminal)
    until_full(terminal, load_settings().db)
    terminal.hang_up()
    assert terminal.wait() == 128 + signal.SIGHUP
    assert lines and not lost(load_settings().db, lines)
    assert sound(load_settings().db)


def fill(ballast: Path) -> None:
    """The disk, to the last block."""
    with ballast.open("wb", 0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


@pytest.mark.slow
def test_a_full_disk_is_said_and_made_up_for(counting_model: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2) as disk:
        environment = {"XDG_DATA_HOME": str(disk)}
        file, ballast = disk / "llm-tui" / load_settings().db.name, disk / "ballast"
        with Terminal([PROGRAM, "--model", str(counting_model)], env=environment) as terminal:
            terminal.until(LOADED)
            say(terminal, "while there is room")
            stop(terminal)
            fill(ballast)
            terminal.press("while there is none", "enter")
            terminal.until(DISK_FULL)
            terminal.until(WRITING)
            until_lines(terminal)
            stop(terminal)
            terminal.press("ctrl+q")
            terminal.until(UNSAVED)
            terminal.until(DISK_FULL)
            ballast.unlink()
            until_gone(terminal, "is full")
            assert {"while there is room", "while there is none"} <= set(texts(file))
            # Who insists, leaves, and is told once more.
            fill(ballast)
            say(terminal, "in vain")
            stop(terminal)
            terminal.press("ctrl+q")
            terminal.until(UNSAVED)
            terminal.press("ctrl+q")
            assert terminal.wait() == 1
            assert b"Some changes were not saved." in terminal.raw
        assert sound(file)
