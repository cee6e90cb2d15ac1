"""Links that are slow, frozen or odd: input is never behind more than two frames, and what is shown is what is so."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.attack.conftest import Attack
from tests.e2e.login import POSSIBLE, login_command, remotely, ssh_server
from tests.e2e.slow_link import SlowLink
from tests.e2e.talking import (
    HELP,
    LOADED,
    NEW_STORY,
    PROGRAM,
    WRITING,
    conversations,
    quit_program,
    rest,
    say,
    settle,
    texts,
    until_gone,
)
from tests.e2e.terminal import PATIENCE, Terminal
from tests.tiny_model import make_counting_model
from tui.config.paths import config_file
from tui.config.settings import load_settings
from tui.terminal.frame_pacing import AHEAD, LOST

pytestmark = pytest.mark.e2e
QUESTION = b"\x1b[6n"


@pytest.fixture(scope="module")
def quick_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Writes digits and blanks as fast as can be, until it is stopped."""
    return make_counting_model(tmp_path_factory.mktemp("models") / "quick", max_position_embeddings=131072)


class Withholding(Terminal):
    """Answers when it is told to."""

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)
        self.answers: list[str] = []
        self.withholding = False
        self.screen.write_process_input = self._answer

    def _answer(self, answer: str) -> None:
        self.answers.append(answer)
        if not self.withholding:
            self.answer()

    def answer(self) -> None:
        for answer in self.answers:
            self.send(answer)
        self.answers.clear()


def wait_for_text(length: int) -> None:
    """Until the last message in the database has so many characters more than now."""
    last = len(texts(load_settings().db)[-1])
    end = time.monotonic() + 240
    while len(texts(load_settings().db)[-1]) < last + length:
        assert time.monotonic() < end, "the reply does not go on"
        time.sleep(0.2)


@pytest.mark.slow
def test_a_terminal_that_does_not_answer_is_sent_two_frames(quick_model: Path, attack: Attack) -> None:
    """The reply goes on meanwhile, Esc stops it, and what is shown then is what is so then."""
    with attack("links: no answer"), Withholding([PROGRAM, "--model", str(quick_model)], 48, 160) as terminal:
        terminal.until(LOADED)
        say(terminal, "count")
        terminal.withholding = True
        began = time.monotonic()
        before = terminal.raw.count(QUESTION)
        wait_for_text(3000)
        settle(terminal)
        frames = terminal.raw.count(QUESTION) - before
        # One more for each time that an answer is given up.
        assert frames <= AHEAD + (time.monotonic() - began) // LOST
        terminal.send("\x1b")
        end = time.monotonic() + PATIENCE
        while not (outcome := conversations(load_settings().db)[0].tree.path()[-1].outcome):
            assert time.monotonic() < end, "Esc did not stop it"
            terminal.pump()
        assert outcome.reason == "cancelled"
        terminal.withholding = False
        terminal.answer()
        rest(terminal)
        settle(terminal)
        quit_program(terminal)


@pytest.mark.slow
@pytest.mark.parametrize("round", range(3))
def test_a_dialog_is_closed_in_one_frame(quick_model: Path, attack: Attack, round: int) -> None:
    """One whose answer is awaited lets one more through, and that shows all that the key has done."""
    config_file().parent.mkdir(parents=True)
    config_file().write_text("max_tokens = 100000\n")
    with attack("links: closing"), Withholding([PROGRAM, "--model", str(quick_model)], 24, 80) as terminal:
        terminal.until(LOADED)
        terminal.press("ctrl+t")
        terminal.until(NEW_STORY)
        terminal.press("1", "f5")
        terminal.until(WRITING)
        terminal.press("f1")
        terminal.until(HELP)
        settle(terminal)
        terminal.withholding = True
        before = terminal.raw.count(QUESTION)
        terminal.press("down")
        while terminal.raw.count(QUESTION) == before:
            terminal.pump()
        terminal.press("escape")
        until_gone(terminal, HELP)
        settle(terminal)
        # One may have been on its way when the answers ceased.
        assert terminal.raw.count(QUESTION) <= before + AHEAD + 1
        assert re.search(WRITING, terminal.text) and "Esc stop" in terminal.text, terminal.text
        assert not re.search("[╭╰│╮╯]", terminal.text), terminal.text
        terminal.withholding = False
        terminal.answer()
        terminal.press("escape")
        quit_program(terminal)


@contextmanager
def slow_terminal(model: Path, directory: Path) -> Iterator[tuple[Terminal, SlowLink]]:
    """A terminal at the other end of a slow link, and the link."""
    with ssh_server(directory) as port:
        link = SlowLink(port)
        command = [*login_command(link.port, directory), remotely(f"{PROGRAM} --model {model}")]
        try:
            with Terminal(command, 48, 160, answers=True) as terminal:
                yield terminal, link
        finally:
            link.close()


@pytest.mark.skipif(not POSSIBLE, reason="no SSH server is installed: slow links are left out")
@pytest.mark.slow
@pytest.mark.parametrize("mode", ["chat", "story"])
def test_esc_stops_though_the_link_is_full(mode: str, quick_model: Path, tmp_path: Path, attack: Attack) -> None:
    """And after a freeze as well: no more is on its way than two frames, and one for each answer given up."""
    config_file().parent.mkdir(parents=True)
    config_file().write_text("max_tokens = 100000\n")
    with attack("links: slow and frozen"), slow_terminal(quick_model, tmp_path) as (terminal, link):
        terminal.until(LOADED)
        if mode == "story":
            terminal.press("ctrl+t")
            terminal.until(NEW_STORY)
            terminal.press("1", "f5")
        else:
            terminal.press("count", "enter")
        terminal.until(WRITING)
        wait_for_text(3000)
        link.freeze()
        wait_for_text(3000)
        carried = link.carried
        link.thaw()
        terminal.send("\x1b")
        until_gone(terminal, WRITING)
        assert link.carried - carried < 100_000
        quit_program(terminal)


class Watching(Terminal):
    """Keeps the screen as it was after each frame."""

    def __init__(self, command: list[str]) -> None:
        self.frames: list[str] = []
        super().__init__(command, 48, 160)
        self.screen.write_process_input = self._answer

    def _answer(self, answer: str) -> None:
        self.frames.append(self.text)
        self.send(answer)


def test_no_frame_is_half_made(tiny_model: Path, attack: Attack) -> None:
    """What opens is there with what is in it, and what it covers stays until then."""
    with attack("links: frames"), Watching([PROGRAM, "--model", str(tiny_model)]) as terminal:
        terminal.until(LOADED)
        terminal.press("a question")
        terminal.until("│ a question")
        terminal.press("ctrl+t")
        terminal.until(NEW_STORY)
        terminal.press("Once upon a time")
        terminal.until("Once upon a time ")
        for key, after, whole in (
            ("ctrl+t", "│ a question", r"Once upon a time +\n|│ a question"),
            ("ctrl+t", r"adds up to", r"Once upon a time +\n|│ a question"),
            ("f1", r"─ Help", r"Once upon a time +\n(?!.*─ Help)|Continue from cursor"),
        ):
            terminal.frames.clear()
            terminal.press(key)
            terminal.until(after)
            while not terminal.frames:  # the question comes behind the frame
                terminal.pump()
            for frame in terminal.frames:
                padded = "\n".join(line.ljust(160) for line in frame.split("\n")) + "\n"
                assert re.search(whole, padded), frame
        terminal.press("escape")
        quit_program(terminal)
