"""The real program is left, or killed, and started again: it goes on where it was, and computes nothing twice."""

import signal
from pathlib import Path

import pytest

from tests.e2e.talking import (
    HIDDEN,
    LOADED,
    PROGRAM,
    WELCOME,
    WRITING,
    conversations,
    quit_program,
    rest,
    say,
    stop,
    texts,
    until_stored,
    watch,
)
from tests.e2e.terminal import Terminal
from tests.e2e.test_app_on_a_pty import prompt_rows, read_trace, wait_for_trace
from tui.config.paths import snapshots_directory
from tui.config.settings import load_settings

pytestmark = pytest.mark.e2e
# How long what is typed, or what an idle session has computed, may be in memory alone.
TYPED, IDLE = 1.0, 4.0


@pytest.mark.slow
def test_what_was_computed_is_not_computed_again(counting_model: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    environment = {"LLM_TUI_TRACE": str(trace)}
    past = 0
    for start, end in enumerate((quit_program, lambda terminal: terminal.signal(signal.SIGKILL), quit_program)):
        flags = [] if start else ["--model", str(counting_model)]
        with Terminal([PROGRAM, *flags], env=environment) as terminal:
            terminal.until(LOADED)
            terminal.press("f12")
            say(terminal, f"question {start}")
            watch(terminal, 0.3)
            stop(terminal)
            line = wait_for_trace(terminal, trace, start + 1)
            if start:
                assert line["reused_tokens"] >= past - 1
                assert prompt_rows(line) == line["prompt_tokens"] - line["reused_tokens"] < 40
                terminal.until(rf"reused {line['reused_tokens']}\b")
            past = line["prompt_tokens"] + line["generated_tokens"]
            watch(terminal, IDLE if end is not quit_program else 0)
            end(terminal)
    assert len({line["session"] for line in read_trace(trace)}) == 1


@pytest.mark.slow
def test_a_story_and_a_message_not_sent(counting_model: Path) -> None:
    with Terminal([PROGRAM, "--model", str(counting_model)]) as terminal:
        terminal.until(LOADED)
        say(terminal, "first message")
        stop(terminal)
        say(terminal, "second message")
        stop(terminal)
        # Rolled back to before the second message, which is offered again, and changed a little.
        terminal.press("escape", "k", "u")
        terminal.until("│ second message")
        terminal.press(" not sent")
        # A story of which nothing was asked yet; then one that the model has continued, and a person changed.
        terminal.press("ctrl+t", "Once upon a time")
        watch(terminal, TYPED)
        terminal.signal(signal.SIGKILL)
    with Terminal([PROGRAM]) as terminal:
        terminal.until("Once upon a time")
        terminal.until(LOADED)
        terminal.press(", long ago", "f5")
        terminal.until(WRITING)
        rest(terminal)
        terminal.press("The end.")
        watch(terminal, TYPED)
        terminal.signal(signal.SIGKILL)
    story = max(conversations(load_settings().db), key=lambda conversation: conversation.updated)
    with Terminal([PROGRAM]) as terminal:
        terminal.until(r"The\s+end\.")  # it may stand at the end of a row
        assert story.draft.startswith("Once upon a time, long ago") and story.draft.endswith("The end.")
        assert [node.role for node in story.tree.path()] == ["author", "model"]
        terminal.press("ctrl+t")
        terminal.until("│ second message not sent")
        terminal.until(HIDDEN)
        quit_program(terminal)


@pytest.mark.slow
def test_deleted_is_gone_and_brought_back_is_there(counting_model: Path) -> None:
    file = load_settings().db
    with Terminal([PROGRAM, "--model", str(counting_model)], 30, 120) as terminal:
        terminal.until(LOADED)
        say(terminal, "keep this")
        stop(terminal)
        terminal.press("ctrl+n")
        terminal.until(WELCOME)
        say(terminal, "delete this")
        # While the reply is on its way.
        terminal.press("ctrl+o", "d")
        terminal.until("Deleted “delete this”")
        watch(terminal, 1.5)
        assert "delete this" not in texts(file)
        terminal.press("escape", "ctrl+o", "d")
        terminal.until("Deleted “keep this”")
        until_stored(terminal, file, lambda found: not found)
        terminal.press("ctrl+o", "u")
        terminal.until("keep this")
        until_stored(terminal, file, lambda found: "keep this" in found)
        quit_program(terminal)
    [session] = conversations(file)
    assert [snapshot.stem for snapshot in snapshots_directory().iterdir()] == [session.id]
    with Terminal([PROGRAM], 30, 120) as terminal:
        terminal.until(r"You\n.* keep this")
        assert "delete this" not in terminal.text
        terminal.press("ctrl+o", "d")
        terminal.until("Deleted “keep this”")
        quit_program(terminal)
    assert texts(file) == [] == list(snapshots_directory().iterdir())
