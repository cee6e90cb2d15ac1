"""The real program on a real pseudo-terminal, from the first screen to the last key."""

import contextlib
import json
import re
import sys
import time
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.talking import LOADED, NEW_STORY, NOT_LOADED, WELCOME, WRITING
from tests.e2e.terminal import PATIENCE, Terminal

pytestmark = pytest.mark.e2e
# What the program itself says to the terminal: CSI, keypad and cursor modes, and the pictures it does not use.
OWN_SEQUENCES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[=>78M]|\x1bP[^\x1b]*\x1b\\\\|\x1b\][^\x07\x1b]*(\x07|\x1b\\)|\x1b_[^\x1b]*\x1b\\\\"
)
PROGRAM = str(Path(sys.executable).with_name("llm-tui"))


def read_trace(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def wait_for_trace(terminal: Terminal, trace: Path, count: int) -> dict[str, Any]:
    """The last line of the trace, once it has so many."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if len(lines := read_trace(trace)) >= count:
            assert len(lines) == count
            return lines[-1]
        terminal.pump(0.03)
    raise AssertionError(f"reply number {count} did not come:\n{terminal.text}")


def stopped_reply(terminal: Terminal, trace: Path, count: int) -> dict[str, Any]:
    """Let the model write a little, stop it, and see what it cost."""
    terminal.until(WRITING)
    terminal.press("escape")
    return wait_for_trace(terminal, trace, count)


def prompt_rows(line: dict[str, Any]) -> int:
    """How many rows of the prompt were computed: all that went through the model, less those of decoding.

    Each sampled token goes through to make the next one: all but the last, which only an end token follows. Drafts that
    did not come true went through, too.
    """
    decoded = int(line["generated_tokens"]) - (line["reason"] != "stop")
    return int(line["rows"]) - int(line["rejected_tokens"]) - decoded


@pytest.mark.jit
def test_a_story_another_mode_a_second_session_and_the_way_back(talkative_model: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    with Terminal([PROGRAM, "--model", str(talkative_model)], env={"LLM_TUI_TRACE": str(trace)}) as terminal:
        terminal.until("talkative · float32")
        terminal.press("f12")
        assert (terminal.screen.lines, terminal.screen.columns) == (24, 80)

        # A story: its first continuation computes the whole prompt.
        terminal.press("ctrl+t")
        terminal.until(NEW_STORY)
        terminal.press("Once upon a time", "f5")
        story = wait_for_trace(terminal, trace, 1)
        assert (story["mode"], story["reused_tokens"]) == ("story", 0)
        assert prompt_rows(story) == story["prompt_tokens"] > 3
        # Taken back and asked again, it replays one token of it.
        terminal.press("ctrl+z", "f5")
        again = wait_for_trace(terminal, trace, 2)
        assert again["prompt_tokens"] == story["prompt_tokens"]
        assert prompt_rows(again) <= 1
        terminal.until(rf"reused {again['prompt_tokens'] - 1}\b")

        # The other mode, and in it a chat of two turns.
        terminal.press("ctrl+t")
        terminal.until(WELCOME)
        terminal.press("what is this", "enter")
        first = stopped_reply(terminal, trace, 3)
        assert (first["mode"], first["reused_tokens"]) == ("chat", 0)
        # Whoever looks at the first chat meanwhile loses nothing of it: a second one, and back.
        terminal.press("ctrl+n")
        terminal.until(WELCOME)
        terminal.press("something else", "enter")
        second = stopped_reply(terminal, trace, 4)
        assert second["session"] != first["session"]
        assert 0 < second["reused_tokens"] < 10, "how the template begins"
        terminal.press("ctrl+o")
        terminal.until("filter")
        terminal.press("down", "enter")
        terminal.until("what is this")

        # A second turn computes what is new only: the last sampled token, and the message.
        terminal.press("and then", "enter")
        turn = stopped_reply(terminal, trace, 5)
        past = first["prompt_tokens"] + first["generated_tokens"]
        assert turn["session"] == first["session"]
        assert turn["reused_tokens"] >= past - 1
        assert prompt_rows(turn) == turn["prompt_tokens"] - turn["reused_tokens"]

        # Rolled back to the turn and sent again, at most one of its tokens is computed again.
        terminal.press("escape", "k", "u")
        terminal.until("│ and then")
        terminal.press("enter")
        back = stopped_reply(terminal, trace, 6)
        assert back["prompt_tokens"] == turn["prompt_tokens"]
        assert prompt_rows(back) <= 1
        terminal.until(rf"reused {turn['prompt_tokens'] - 1}\b")

        terminal.press("ctrl+q")
        assert terminal.wait() == 0


@pytest.mark.parametrize(
    ("rows", "columns"), [(24, 80), *(pytest.param(*size, marks=pytest.mark.slow) for size in ((12, 40), (48, 160)))]
)
def test_nothing_is_cut_at_any_size(tiny_model: Path, rows: int, columns: int) -> None:
    with Terminal([PROGRAM, "--model", str(tiny_model)], rows, columns) as terminal:
        terminal.until("tiny")
        terminal.press("hello", "enter")
        terminal.until(r"context +[1-9]")
        top, status, keys = (terminal.screen.display[row] for row in (0, -2, -1))
        assert "hello ─ tiny · float32" in top and "chat" in top
        assert "context" in status and "F1 more" in keys
        assert "…" not in top + status + keys
        terminal.press("ctrl+q")
        assert terminal.wait() == 0


@pytest.mark.slow
def test_resizing_while_a_reply_streams(talkative_model: Path) -> None:
    with Terminal([PROGRAM, "--model", str(talkative_model)], 48, 160) as terminal:
        terminal.until(LOADED)
        terminal.press("hello", "enter")
        terminal.until(WRITING)
        terminal.resize(12, 40)
        terminal.until("Ask anything")
        terminal.resize(48, 160)
        terminal.until("Sessions")
        terminal.press("escape")
        terminal.until("Stopped")


def test_no_model_is_one_screen_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with Terminal([PROGRAM, "--model", str(tmp_path)]) as terminal:
        terminal.until(NOT_LOADED)
        terminal.until("gpt2")
        terminal.until("llm-tui --model DIR")
        terminal.press("f1")
        terminal.until("New session")
        terminal.press("escape", "ctrl+q")
        assert terminal.wait() == 0


@pytest.mark.slow
def test_no_content_steers_the_terminal(tiny_model: Path) -> None:
    """A model of random weights writes every control character there is; none of them may reach the terminal."""
    with Terminal([PROGRAM, "--model", str(tiny_model)]) as terminal:
        terminal.until(LOADED)
        for round in range(4):
            terminal.press("ctrl+n", f"hello {round}", "enter")
            with contextlib.suppress(AssertionError):  # a reply may happen to end before it has one
                terminal.until("[\u2400-\u2421]|context full", seconds=5)
        terminal.press("escape")
        whole = terminal.raw.rpartition(b"\x1b")[0]  # the last sequence may not have come to its end
        written = OWN_SEQUENCES.sub("", whole.decode("utf-8"))
        controls = {char for char in written if unicodedata.category(char) == "Cc"} - set("\r\n")
        assert not controls
        assert any(0x2400 <= ord(char) < 0x2420 for char in written)
