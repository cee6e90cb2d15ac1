"""Ctrl+G lends the terminal to an editor, and takes it back."""

from pathlib import Path

import pytest

from tests.e2e.talking import PROGRAM, quit_program
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
            terminal.until("float32")
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
