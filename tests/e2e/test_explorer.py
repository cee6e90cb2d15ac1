"""The token explorer on a terminal, and what it leaves in the database."""

from pathlib import Path

import pytest

from tests.e2e.talking import LOADED, PROGRAM, conversations, quit_program, rest, say, stop
from tests.e2e.terminal import Terminal
from tests.e2e.test_app_on_a_pty import prompt_rows, read_trace
from tui.config.settings import load_settings

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("env", [{}, pytest.param({"NO_COLOR": "1"}, marks=pytest.mark.slow)])
def test_a_reply_is_explored_and_goes_on_from_another_token(
    talkative_model: Path, tmp_path: Path, env: dict[str, str]
) -> None:
    trace = tmp_path / "trace.jsonl"
    with Terminal([PROGRAM, "--model", str(talkative_model)], env={"LLM_TUI_TRACE": str(trace), **env}) as terminal:
        terminal.until(LOADED)
        say(terminal, "hello")
        stop(terminal)
        terminal.press("escape", "x")
        terminal.until("rank 1")
        terminal.until("Enter continue · Esc back")
        terminal.press("a")
        terminal.until(r"to write .* layer \d+ of \d+ · mean of its heads")
        terminal.press("tab", "escape")
        terminal.until("rank 1")
        terminal.press("right", "down", "enter")
        terminal.until("generating")
        stop(terminal)
        terminal.until("version 2 of 2")
        rest(terminal)
        quit_program(terminal)
    tree = conversations(load_settings().db)[0].tree
    first, second = tree.siblings(tree.tip or "")
    assert first.token_ids[0] == second.token_ids[0] and first.token_ids[1] != second.token_ids[1]
    assert [prompt_rows(line) for line in read_trace(trace)][1] == 1
