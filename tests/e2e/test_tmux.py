"""The real program in a real tmux, driven by the keys that tmux sends on."""

import itertools
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.talking import COPIED, EDITING, HELP, JUST_ENDED, LOADED, PROGRAM
from tests.e2e.terminal import KEYS, PATIENCE, Terminal

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        shutil.which("tmux") is None, reason="tmux is not installed: copying and keys in it are left out"
    ),
]


BUSY = set("◌◐◓◑◒")  # a reply is queued, or being written
ESCAPE = ["-H", *(f"{byte:02x}" for byte in KEYS["escape"].encode())]


class Tmux:
    """One window of a server of its own."""

    def __init__(self, socket: Path, command: str, columns: int = 160, rows: int = 48) -> None:
        self._socket = socket
        environment = {name: value for name, value in os.environ.items() if name not in ("TMUX", "COLUMNS", "LINES")}
        self._environment = environment | {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        self.run("new-session", "-d", "-x", str(columns), "-y", str(rows), "sleep 600")
        self.run("set-option", "-g", "remain-on-exit", "on")
        self.run("set-option", "-sg", "escape-time", "10")
        self.run("respawn-pane", "-k", command)

    def run(self, *arguments: str) -> str:
        command = ["tmux", "-u", "-S", str(self._socket), "-f", "/dev/null", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=self._environment, timeout=30)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def text(self) -> str:
        return self.run("capture-pane", "-p")

    def attached(self) -> Terminal:
        """The terminal that the person sits at."""
        command = ["tmux", "-u", "-S", str(self._socket), "attach"]
        return Terminal(command, rows=48, columns=160, env={"TERM": "xterm-256color", "TMUX": ""})

    def press(self, *keys: str) -> None:
        """By tmux's names; what is no name is typed. An Escape before other keys comes as Kitty's protocol spells it:
        alone, it needs a pause behind it.
        """
        for key, following in itertools.zip_longest(keys, keys[1:]):
            self.run("send-keys", *(ESCAPE if key == "Escape" and following else [key]))

    def until(self, words: str, gone: bool = False, seconds: float = PATIENCE) -> None:
        """Wait until the screen shows the words, or shows them no more."""
        end = time.monotonic() + seconds
        while (words in self.text) == gone:
            assert time.monotonic() < end, f"{words!r} {'stayed' if gone else 'did not appear'}:\n{self.text}"
            time.sleep(0.05)

    def until_written(self, columns: int) -> None:
        """Wait until the screen shows lines that the counting model wrote, as wide as there is room."""
        end = time.monotonic() + PATIENCE
        while sum(_is_numbers(line, columns) for line in self.text.splitlines()) < 2:
            assert time.monotonic() < end, f"no lines for {columns} columns:\n{self.text}"
            time.sleep(0.05)

    def rest(self) -> None:
        """Wait until nothing is being written, and Esc means what it says."""
        end = time.monotonic() + PATIENCE
        while set(self.text) & BUSY:
            assert time.monotonic() < end, f"it is still writing:\n{self.text}"
            time.sleep(0.05)
        time.sleep(JUST_ENDED)

    @property
    def dead(self) -> bool:
        return self.run("display-message", "-p", "#{pane_dead}").strip() == "1"


def _is_numbers(line: str, columns: int) -> bool:
    return len(line) <= columns and line.replace(" ", "").strip("│").isdigit()


@pytest.fixture
def tmux(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Tmux]:
    model = request.getfixturevalue(request.param)
    window = Tmux(tmp_path / "socket", f"{PROGRAM} --model {model}")
    yield window
    window.run("kill-server")


@pytest.mark.parametrize("tmux", ["tiny_model"], indirect=True)
def test_copies_reach_tmux_and_the_terminal_behind_it(tmux: Tmux) -> None:
    """With the settings that tmux has by itself."""
    tmux.until(LOADED)
    tmux.press("what is this?", "Enter")
    tmux.until("reused 0")
    tmux.rest()
    tmux.press("Escape")
    tmux.until("▌ tiny")
    tmux.press("g")
    tmux.until("▌ You")
    with tmux.attached() as outer:
        outer.until("▌ You")
        tmux.press("y")
        tmux.until(COPIED)
        assert tmux.run("show-buffer") == "what is this?"
        outer.until("tmux buffer")
        assert b"\x1b]52;;d2hhdCBpcyB0aGlzPw==\a" in outer.raw


@pytest.mark.slow
@pytest.mark.parametrize("tmux", ["tiny_model"], indirect=True)
def test_every_key_arrives(tmux: Tmux) -> None:
    tmux.until(LOADED)
    for key, words in (
        ("F1", HELP),
        ("F3", "Search messages"),
        ("F4", "─ Model picker"),
        ("F6", "Session settings"),
        ("C-p", "Search commands"),
        ("C-r", "Prompt history"),
    ):
        tmux.press(key)
        tmux.until(words)
        tmux.press("Escape")
        tmux.until(words, gone=True)
    tmux.press("two", "C-j", "lines", "Enter")
    tmux.until("reused 0")
    tmux.rest()
    tmux.press("Up")
    tmux.until("│ two")
    tmux.press("C-a", "C-k")
    tmux.press("F2", "renamed", "Enter")
    tmux.until("renamed")
    tmux.press("F9")
    tmux.until("Sessions", gone=True)
    tmux.press("F9")
    tmux.until("Sessions")
    tmux.press("C-n")
    tmux.until("lines\n", gone=True)
    tmux.press("C-o")
    tmux.press("Down", "Enter")
    tmux.until("You\n")
    tmux.press("Escape")
    tmux.until("▌ tiny")
    tmux.press("k")
    tmux.until("▌ You")
    tmux.press("e")
    tmux.until(EDITING)
    tmux.press("Escape")
    tmux.until(EDITING, gone=True)
    tmux.press("C-t", "Once")
    tmux.until(" 1 word")
    tmux.press("F5")
    tmux.until(" 1 word", gone=True)
    tmux.rest()
    tmux.press("F8")
    tmux.until("version 2 of 2")
    tmux.rest()
    tmux.press("F7")
    tmux.until("version 1 of 2")
    tmux.press("C-z", "C-y", "C-s")
    tmux.until("Save as")
    tmux.press("Escape")
    tmux.press("C-q")
    end = time.monotonic() + PATIENCE
    while not tmux.dead:
        assert time.monotonic() < end, tmux.text
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("tmux", ["counting_model"], indirect=True)
def test_resizing_while_it_streams(tmux: Tmux) -> None:
    tmux.until(LOADED)
    tmux.press("count", "Enter")
    tmux.until("generating")
    for columns, rows in ((100, 30), (60, 20), (40, 12), (40, 12), (80, 24), (160, 48)):
        tmux.run("resize-window", "-x", str(columns), "-y", str(rows))
        tmux.until_written(columns)
        assert not tmux.dead
    tmux.until("Sessions")
    tmux.press("Escape")
    tmux.rest()


def test_in_the_background_it_goes_on_and_comes_back_or_ends(tiny_model: Path, tmp_path: Path) -> None:
    window = Tmux(tmp_path / "socket", "bash --norc", 80, 24)
    try:
        window.press(f"{PROGRAM} --model {tiny_model}", "Enter")
        window.until(LOADED)
        for command, then in (("fg", "Ask anything"), ("kill %1; wait %1; echo ended $?", "ended 143")):
            window.press("Escape", "C-z")
            window.until("Stopped")
            window.press("clear", "Enter", "bg", "Enter", "sleep 0.5; jobs", "Enter")
            window.until("Running")
            window.press("clear", "Enter", command, "Enter")
            window.until(then)
    finally:
        window.run("kill-server")


def test_stopped_by_key_or_signal_and_brought_back(tiny_model: Path, tmp_path: Path) -> None:
    """As in other programs, where there is nothing in a text to take back; the screen is whole again afterwards."""
    window = Tmux(tmp_path / "socket", "bash --norc", 80, 24)
    try:
        window.press(f"{PROGRAM} --model {tiny_model}", "Enter")
        window.until(LOADED)
        window.press("x")
        window.until("│ x")
        window.press("C-z")
        window.until("Ask anything")
        window.press("C-z")
        for again, back in (("fg", ()), ("kill -CONT %1; fg", ("Escape",)), ("fg", ("Escape",))):
            window.until("Stopped")
            assert "Ask anything" not in window.text
            window.press("clear", "Enter", again, "Enter")
            window.until("Ask anything")
            window.until("chat | story")
            window.press(*back, "y")
            window.until("│ y")
            window.press("BSpace", "Escape", "C-z")  # from the messages
        window.until("Stopped")
    finally:
        window.run("kill-server")
