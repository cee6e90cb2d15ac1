"""The real program is killed at any moment, over and over: what was said is there again, and what was being written.

LLM_TUI_KILLS=200 kills it more often.
"""

import contextlib
import math
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.conversation.integrity import sound
from tests.e2e.anything import anything
from tests.e2e.talking import (
    INTERRUPTED,
    LOADED,
    PROGRAM,
    WRITING,
    conversations,
    lost,
    numbers,
    quit_program,
    stop,
    texts,
    watch,
)
from tests.e2e.terminal import Terminal
from tui.config.settings import load_settings
from tui.storage.error_log import error_log_file

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
KILLS = int(os.environ.get("LLM_TUI_KILLS", "6"))
MANY = 50  # kills of which some leave a reply to be continued
# What must be on disk of a reply: all that was on the screen so long ago.
SECONDS = 1.0


class Killed(Exception):
    """The moment has come."""


class Doomed(Terminal):
    """A program that is killed at ``deadline``; ``lines`` tells what it had written on the screen, and when."""

    deadline = math.inf

    def __init__(self, command: list[str], env: dict[str, str] | None = None, directory: Path | None = None) -> None:
        self.history: list[tuple[float, list[str]]] = []
        self.killed = False
        super().__init__(["env", "-C", str(directory), *command] if directory else command, env=env)

    def pump(self, seconds: float = 0.02) -> bool:
        if time.monotonic() >= self.deadline:
            self.killed = self.alive
            self.signal(signal.SIGKILL)
            raise Killed
        wrote = super().pump(min(seconds, 0.01))
        if not wrote:
            self.history.append((time.monotonic(), numbers(self)))
        return wrote

    def lines(self, seconds: float) -> list[str]:
        """What it had written by ``seconds`` before its end; what was seen only for a moment may be half drawn."""
        then, before = self._at(seconds), self._at(seconds + 0.1)
        return [line for line in then if line in before]

    def _at(self, seconds: float) -> list[str]:
        return next((lines for when, lines in reversed(self.history) if when <= self.deadline - seconds), [])


def copy_is_sound(file: Path, directory: Path) -> bool:
    """Judged by a copy, so that it is the program that finds the database as the kill has left it."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    for suffix in ("", "-wal"):
        if (part := file.with_name(file.name + suffix)).exists():
            shutil.copy(part, directory)
    return sound(directory / file.name)


def talk_until_killed(terminal: Terminal, chance: random.Random, sent: list[str]) -> None:
    """Send, watch for a while, stop, begin another session or go on with this one; ``sent`` grows."""
    while True:
        if chance.random() < 0.3:
            terminal.press("ctrl+n")
        message = f"message {len(sent)} {chance.getrandbits(64):x}"
        terminal.press(message)
        terminal.until(message)  # before that, the input is empty too
        terminal.press("enter")
        terminal.until("│ Ask anything")
        sent.append(message)
        terminal.until(WRITING)
        watch(terminal, chance.uniform(0, 2))
        stop(terminal)


def continue_the_last_reply(terminal: Terminal, file: Path) -> bool:
    """Where the last reply was interrupted, as the program says, let it go on; tells whether it was."""
    last = max(conversations(file), key=lambda conversation: conversation.updated)
    tip = last.tree.path()[-1]
    if tip.outcome is None or tip.outcome.reason != "interrupted":
        return False
    terminal.until(INTERRUPTED)
    terminal.press("escape")
    terminal.until("▌ ")  # the message that keys act on
    terminal.press("c")
    terminal.until(WRITING)
    stop(terminal)
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
            terminal.until(LOADED)
            assert set(sent) <= set(texts(file))
            assert lost(file, lines) == []
            compared, lines = compared + len(lines), []
            continued += bool(sent) and continue_the_last_reply(terminal, file)
            if start < KILLS:
                terminal.deadline = min(terminal.deadline, time.monotonic() + chance.uniform(0.1, 3.5))
                talk_until_killed(terminal, chance, sent)
            quit_program(terminal)
        if start < KILLS:
            assert copy_is_sound(file, tmp_path / "copy")
            lines = lines or terminal.lines(SECONDS)
            command = [PROGRAM] if sent else command
    print(f"{KILLS} kills, {len(sent)} messages, {compared} lines compared, {continued} replies continued")
    assert sent and compared
    assert continued or KILLS < MANY, "whether a kill leaves a reply to be continued is a matter of chance"


def do_anything_until_killed(terminal: Terminal, chance: random.Random, pressed: set[str]) -> None:
    """All of the key map in all places, while replies are written too; ``pressed`` grows."""
    while True:
        for sent in anything(chance):
            terminal.press(sent)
            pressed.add(sent)
        if chance.random() < 0.3:
            rows, columns = chance.choice([(24, 80), (12, 40), (48, 160), (3, 4)])
            terminal.resize(rows, columns)
        watch(terminal, chance.uniform(0, 0.3))


def test_killed_amid_everything(counting_model: Path, tmp_path: Path) -> None:
    """Whatever was pressed last: the database is sound, and the next start opens it and answers keys."""
    file, chance, pressed = load_settings().db, random.Random(12), set[str]()
    command = [PROGRAM, "--model", str(counting_model)]
    environment = {"EDITOR": "true"}
    for start in range(KILLS + 1):
        with Doomed(command, environment, tmp_path) as terminal, contextlib.suppress(Killed):
            terminal.until("float32|bfloat16|no model|int8")
            if start < KILLS:
                terminal.deadline = time.monotonic() + chance.uniform(0.5, 6)
                do_anything_until_killed(terminal, chance, pressed)
            quit_program(terminal)
        if start < KILLS:
            log = error_log_file()
            assert terminal.killed, f"it ended before: {log.read_text() if log.exists() else terminal.text}"
            assert copy_is_sound(file, tmp_path / "copy")
    print(f"{KILLS} kills amid {len(pressed)} different things")
