"""The real program is killed at any moment, over and over: what was said is there again, and what was being written.

LLM_TUI_KILLS=200 kills it more often.
"""

import contextlib
import math
import os
import random
import re
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.conversation.test_trouble import sound
from tests.e2e.terminal import Terminal
from tests.e2e.test_app_on_a_pty import PROGRAM
from tui.conversation.conversation import Conversation
from tui.conversation.store import Store
from tui.settings.settings import load_settings

pytestmark = pytest.mark.e2e
KILLS = int(os.environ.get("LLM_TUI_KILLS", "8"))
# What must be on disk of a reply: all that was on the screen so long ago.
SECONDS = 1.0
NUMBERS = re.compile(r"[\d ]*\d")
WRITING = r"[◐◓◑◒] +(writing +· +)?[0-9.]+ tok/s"


class Killed(Exception):
    """The moment has come."""


class Doomed(Terminal):
    """A program that is killed at ``deadline``; ``lines`` tells what it had written on the screen, and when."""

    deadline = math.inf

    def __init__(self, command: list[str]) -> None:
        self.history: list[tuple[float, list[str]]] = []
        super().__init__(command)

    def pump(self, seconds: float = 0.02) -> bool:
        if time.monotonic() >= self.deadline:
            self.signal(signal.SIGKILL)
            raise Killed
        wrote = super().pump(min(seconds, 0.02))
        if wrote:
            self.history.append((time.monotonic(), numbers(self)))
        return wrote

    def lines(self, seconds: float) -> list[str]:
        """What it had written by ``seconds`` before its end."""
        return next((lines for when, lines in reversed(self.history) if when <= self.deadline - seconds), [])


def numbers(terminal: Terminal) -> list[str]:
    """The lines of a reply on the screen, without their spaces: lines may be broken in other places."""
    lines = (line.replace("▌", "").strip() for line in terminal.screen.display)
    return [line.replace(" ", "") for line in lines if len(line) >= 20 and NUMBERS.fullmatch(line)]


def conversations(file: Path) -> list[Conversation]:
    """All that the database holds, while the program has it open too."""
    store = Store(file)
    try:
        return [store.read(listing.id) for listing in store.sessions(1000)]
    finally:
        store.close()


def texts(file: Path) -> list[str]:
    return [node.text for conversation in conversations(file) for node in conversation.tree]


def copy_is_sound(file: Path, directory: Path) -> bool:
    """Judged by a copy, so that it is the program that finds the database as the kill has left it."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    for suffix in ("", "-wal"):
        if (part := file.with_name(file.name + suffix)).exists():
            shutil.copy(part, directory)
    return sound(directory / file.name)


def rest(terminal: Terminal) -> None:
    """Wait until nothing is being written."""
    while re.search(WRITING, terminal.text):
        terminal.pump()


def talk_until_killed(terminal: Terminal, chance: random.Random, sent: list[str]) -> None:
    """Send, watch for a while, stop, begin another session or go on with this one; ``sent`` grows."""
    while True:
        if chance.random() < 0.3:
            terminal.press("ctrl+n")
        message = f"message {len(sent)} {chance.getrandbits(64):x}"
        terminal.press(message, "enter")
        terminal.until("│ Ask anything")
        sent.append(message)
        terminal.until(WRITING)
        watched = time.monotonic() + chance.uniform(0, 2)
        while time.monotonic() < watched:
            terminal.pump()
        terminal.press("escape")
        rest(terminal)


def continue_the_last_reply(terminal: Terminal, file: Path) -> bool:
    """Where the last reply was interrupted, as the program says, let it go on; tells whether it was."""
    last = max(conversations(file), key=lambda conversation: conversation.updated)
    tip = last.tree.path()[-1]
    if tip.outcome is None or tip.outcome.reason != "interrupted":
        return False
    terminal.until("interrupted: Esc, then c, continues it")
    terminal.press("escape", "c")
    terminal.until(WRITING)
    terminal.press("escape")
    rest(terminal)
    terminal.press("escape")  # from the messages back to the input
    longer = next(c for c in conversations(file) if c.id == last.id).tree.siblings(tip.id)[-1]
    assert longer.id != tip.id and longer.outcome is not None and longer.outcome.reason == "cancelled"
    assert longer.text.startswith(tip.text) and len(longer.text) > len(tip.text)
    return True


def test_killed_at_any_moment(counting_model: Path, tmp_path: Path) -> None:
    file, chance = load_settings().db, random.Random(11)
    command = [PROGRAM, "--model", str(counting_model)]
    sent, lines = list[str](), list[str]()
    compared = continued = 0
    for start in range(KILLS + 1):
        with Doomed(command) as terminal, contextlib.suppress(Killed):
            if start % 4 == 3:  # as it starts
                terminal.deadline = time.monotonic() + chance.uniform(0, 1)
            terminal.until("float32")
            there = texts(file)
            assert set(sent) <= set(there)
            written = [text.replace(" ", "") for text in there]
            for line in lines:
                assert any(line in text for text in written), f"{line} was lost"
            compared, lines = compared + len(lines), []
            continued += bool(sent) and continue_the_last_reply(terminal, file)
            if start < KILLS:
                terminal.deadline = min(terminal.deadline, time.monotonic() + chance.uniform(0.1, 3.5))
                talk_until_killed(terminal, chance, sent)
            terminal.press("ctrl+q")
            assert terminal.wait() == 0
        if start < KILLS:
            assert copy_is_sound(file, tmp_path / "copy")
            lines = lines or terminal.lines(SECONDS)
            command = [PROGRAM] if sent else command
    print(f"{KILLS} kills, {len(sent)} messages, {compared} lines compared, {continued} replies continued")
    assert sent and compared and continued
