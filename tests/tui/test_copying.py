"""What is copied, where it goes, and what is said of it."""

from pathlib import Path

import pytest

from tests.tui.answers import read, talk
from tests.tui.conftest import SIZE, app_of, current, make_app, until
from tui.markdown.thinking import without_thoughts
from tui.terminal.clipboard import osc52

THOUGHTS = {
    "hello": "hello",
    "<think>a\nb</think>\n\nanswer\n\nmore": "answer\n\nmore",
    "<think>a</think>answer": "answer",
    "  <think>a</think>  answer": "  answer",
    "thought\nmore\n</think>\nanswer\n": "answer",
    "<think>\nopen": "",
    "```\n<think>\nx\n</think>\n```\nend": "```\n<think>\nx\n</think>\n```\nend",
    "<think>x</think>\n```py\n\n<think>\n```\n<think>y</think>z": "```py\n\n<think>\n```\nz",
    "<think>```</think>\n<think>b</think>\nc": "c",
    "say <think> inline": "say <think> inline",
    "<think></think>": "",
    "~~~\n```\n<think>\n~~~\n<think>x</think>y": "~~~\n```\n<think>\n~~~\ny",
}


@pytest.mark.parametrize("text", THOUGHTS)
def test_the_answer_without_thoughts(text: str) -> None:
    assert without_thoughts(text) == THOUGHTS[text]


async def test_y_copies_what_was_said_and_not_what_was_thought(tiny_model: Path) -> None:
    session = talk("<think>\nlet me see\n</think>\n\nIt is *so*.", "<think>only a thought")
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await read(pilot, session)
        await pilot.press("g", "j", "t", "y")
        await until(pilot, lambda: "Copied" in current(pilot).notice)
        assert app_of(pilot).clipboard == "It is *so*."
        await pilot.press("G", "y")
        assert current(pilot).notice == "This message contains only reasoning."
        assert app_of(pilot).clipboard == "It is *so*."


@pytest.mark.parametrize(("works", "told"), [(True, "in the tmux buffer"), (False, "tmux rejected")])
async def test_in_tmux_it_is_said_what_tmux_did(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, works: bool, told: str
) -> None:
    program = tmp_path / "tmux"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\ncat > {tmp_path}/taken\nexit {int(not works)}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("TMUX", "/nowhere,1,0")
    text = "ä\n\n\ttab"
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await read(pilot, talk(text))
        written: list[str] = []
        monkeypatch.setattr(app_of(pilot)._driver, "write", written.append)
        await pilot.press("y")
        await until(pilot, lambda: "Copied" in current(pilot).notice)
        assert told in current(pilot).notice
        assert (tmp_path / "taken").read_text() == text
        assert (tmp_path / "asked").read_text() == "load-buffer -w -\n"
        assert any("\x1b]52" in each for each in written) == (not works)


def test_both_forms_of_osc_52() -> None:
    plain = "\x1b]52;c;w6Q=\a"
    assert osc52("ä", tmux=False) == plain
    assert osc52("ä", tmux=True) == plain + "\x1bPtmux;\x1b" + plain + "\x1b\\"
