"""Two real programs on one database, as after logging in twice: what one does the other sees, and neither hurts it."""

import re
import signal
import time
from pathlib import Path

import pytest

from tests.conversation.integrity import sound
from tests.e2e.talking import (
    INTERRUPTED,
    LOADED,
    PROGRAM,
    READ_ONLY,
    WRITING,
    conversations,
    lost,
    numbers,
    quit_program,
    say,
    stop,
    texts,
    until_gone,
    watch,
)
from tests.e2e.terminal import PATIENCE, Terminal
from tui.config.settings import load_settings

pytestmark = pytest.mark.e2e


class Window(Terminal):
    """Wide enough for the list of sessions. While we look at it, its ``neighbour`` goes on too."""

    neighbour: Terminal | None = None

    def __init__(self, model: Path) -> None:
        super().__init__([PROGRAM, "--model", str(model)], 30, 120)

    def pump(self, seconds: float = 0.02) -> bool:
        if self.neighbour is not None:
            Terminal.pump(self.neighbour, 0)
        return super().pump(seconds)


def until_followed(reader: Terminal, writer: Terminal) -> str:
    """A line of the reply that grows in one window, once the other shows it too."""
    old, written = set(numbers(reader) + numbers(writer)), set[str]()
    end = time.monotonic() + PATIENCE
    while not (both := written.intersection(numbers(reader))):
        assert time.monotonic() < end, f"nothing new came to this screen:\n{reader.text}"
        reader.pump()
        written.update(line for line in numbers(writer)[:-1] if line not in old)
    return both.pop()


def open_second_in_list(terminal: Terminal) -> None:
    terminal.press("ctrl+o", "down", "enter")


@pytest.mark.slow
def test_two_windows(counting_model: Path) -> None:
    file = load_settings().db
    with Window(counting_model) as first, Window(counting_model) as second:
        first.neighbour, second.neighbour = second, first
        first.until(LOADED)
        say(first, "hello from one")
        stop(first)

        # The other window has begun a session of its own, and sees that of the first one in its list.
        second.until("hello from one")
        say(second, "hello from two")
        first.until("hello from two")
        stop(second)
        open_second_in_list(second)
        second.until(READ_ONLY)
        assert "Ask anything" in second.text

        # It cannot change it, whatever is tried.
        before = texts(file)
        second.press("lost", "enter", "r", "c", "u", "e", "ctrl+o", "d")
        second.until(READ_ONLY)
        second.press("escape")
        # What was typed stays there to be taken elsewhere, until one clears it.
        second.until("│ lostrcue")
        assert texts(file) == before
        second.press("ctrl+n")
        until_gone(second, "lostrcue")
        second.press("ctrl+o", "down", "down", "enter")
        second.until("│ lostrcue")
        second.press(*["\x7f"] * len("lostrcue"))
        until_gone(second, "lostrcue")

        # It follows what is written there, and the draft.
        say(first, "another one")
        second.until("another one")
        until_followed(second, first)
        assert re.search(WRITING, first.text) and READ_ONLY in second.text
        stop(first)
        first.press("a draft")
        second.until("│ a draft")

        # What is left by one may be written by the other, which goes on with the draft.
        first.press("ctrl+n")
        until_gone(second, READ_ONLY)
        second.press(" of both", "enter")
        second.until(WRITING)
        open_second_in_list(first)
        first.until(READ_ONLY)
        line = until_followed(first, second)

        # A window that dies leaves everything, even in the middle of a reply.
        second.signal(signal.SIGKILL)
        first.neighbour = None
        first.until(INTERRUPTED)
        assert line in "".join(texts(file)).replace(" ", "")
        say(first, "taken over")
        stop(first)
        quit_program(first)
    messages = {text for text in texts(file) if text.strip(" 0123456789")}
    assert messages == {"hello from one", "hello from two", "another one", "a draft of both", "taken over"}
    assert sound(file)


@pytest.mark.slow
def test_both_write_at_once(counting_model: Path) -> None:
    file, sent = load_settings().db, set[str]()
    with Window(counting_model) as first, Window(counting_model) as second:
        first.neighbour, second.neighbour = second, first
        for window in (first, second):
            window.until(LOADED)
        for turn in range(4):
            for name, window in (("one", first), ("two", second)):
                sent.add(f"message {turn} of {name}")
                say(window, f"message {turn} of {name}")
            for window in (first, second):
                stop(window)
                if turn == 1:
                    window.press("ctrl+n")
        watch(second, 0.2)
        lines = numbers(first) + numbers(second)
        quit_program(first)
        second.neighbour = None
        quit_program(second)
    assert sent <= set(texts(file))
    assert len(conversations(file)) == 4
    assert lines and lost(file, lines) == []
    assert sound(file)
