"""Ctrl+G lends the terminal to an editor, and takes it back."""

from pathlib import Path

import pytest

from tests.e2e.talking import LOADED, PROGRAM, quit_program
from tests.e2e.terminal import Terminal

pytestmark = pytest.mark.e2e


def test_the_editor_has_the_text_and_gives_it_back(tiny_model: Path, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\ncp "$1" "$0.seen"\nread key\necho "typed $key" >> "$1"\nexit "$EDITOR_EXIT"\n')
    editor.chmod(0o755)
    for code, text in (("0", "a draft typed there"), ("3", "a draft")):
        with Terminal(
            [PROGRAM, "--model", str(tiny_model)], env={"EDITOR": str(editor), "EDITOR_EXIT": code}
        ) as terminal:
            terminal.until(LOADED)
            terminal.press("a draft ", "ctrl+g")
            seen = Path(f"{editor}.seen")
            while not seen.exists():
                terminal.pump()
            assert seen.read_text() == "a draft "
            seen.unlink()
            terminal.press("there", "enter")
            terminal.until("│ " + text)
            if code == "3":
                terminal.until("exit code 3")
            terminal.press("!")
            terminal.until(text + " ?!")
            quit_program(terminal)


@pytest.mark.parametrize(
    "editor", ["nosuch", *(pytest.param(each, marks=pytest.mark.slow) for each in ("it's vim", "'", " "))]
)
def test_an_editor_that_is_none_is_said(tiny_model: Path, editor: str) -> None:
    with Terminal([PROGRAM, "--model", str(tiny_model)], env={"EDITOR": editor, "VISUAL": ""}) as terminal:
        terminal.until(LOADED)
        terminal.press("a draft ", "ctrl+g")
        terminal.until(r"not found\. Set \$EDITOR\.")
        terminal.press("!")
        terminal.until("│ a draft !")
        quit_program(terminal)


@pytest.mark.slow
def test_an_editor_that_takes_the_file_away_is_said(tiny_model: Path) -> None:
    with Terminal([PROGRAM, "--model", str(tiny_model)], env={"EDITOR": "rm"}) as terminal:
        terminal.until(LOADED)
        terminal.press("a draft ", "ctrl+g")
        terminal.until("Cannot pass the text to rm")
        terminal.press("!")
        terminal.until("│ a draft !")
        quit_program(terminal)


@pytest.mark.slow
def test_what_is_typed_right_behind_ctrl_g_comes_after_what_the_editor_wrote(tiny_model: Path, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsleep 1\necho "edited " > "$1"\n')
    editor.chmod(0o755)
    with Terminal([PROGRAM, "--model", str(tiny_model)], env={"EDITOR": str(editor)}) as terminal:
        terminal.until(LOADED)
        terminal.send("a draft\x07and\x7f\x7f\x7fmore")
        terminal.until("│ edited more")
        quit_program(terminal)
