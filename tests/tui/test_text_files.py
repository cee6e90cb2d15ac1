"""Text files: put into a message, and written from messages, code and stories."""

import os
from pathlib import Path

import pytest

from tests.tui.answers import CODE, read, talk
from tests.tui.composing import composer
from tests.tui.conftest import SIZE, app_of, current, make_app, ready, until, wrong_in_dialog
from tui.screens.text_prompt import AskScreen
from tui.storage.text_files import TextFileError, read_text


async def test_a_file_is_put_into_the_message(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("a\n```\ncode\n```\n" + "more\n" * 30)
    (tmp_path / "picture").write_bytes(b"\xff\x00")
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        for name, sentence in (("absent", "No such file"), ("picture", "not UTF-8 text")):
            composer(pilot).put(f"/file {tmp_path / name}")
            await pilot.press("enter")
            assert sentence in current(pilot).notice
            assert composer(pilot).text == f"/file {tmp_path / name}"
        composer(pilot).put(f"/file {tmp_path / 'notes.md'}\nWhat is this?")
        await pilot.press("enter")
        assert composer(pilot).text == "[pasted 1: 37 lines]\nWhat is this?"
        whole = composer(pilot).whole
        assert whole.startswith("notes.md:\n````\na\n```\ncode") and whole.endswith("more\n````\nWhat is this?")
        assert current(pilot).tree.tip is None


async def test_messages_code_and_stories_are_saved_to_new_files(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    session = talk(CODE)
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await read(pilot, session)
        await pilot.press("s")
        assert isinstance(app_of(pilot).screen, AskScreen)
        await pilot.press("enter")
        assert Path("message.md").read_text() == CODE
        assert current(pilot).notice == f"Saved to {Path.cwd()}/message.md."
        await pilot.press("s", "enter")
        await until(pilot, lambda: "already exists" in wrong_in_dialog(pilot))
        await pilot.press("escape", "S", *"/nowhere", "enter")
        await until(pilot, lambda: "Cannot write code.txt/nowhere" in wrong_in_dialog(pilot))
        await pilot.press("escape")
        await pilot.press("S", "enter")
        assert Path("code.txt").read_text() == "for n in numbers:\n    total += n\n"
        await pilot.press("ctrl+t", *"Once", "ctrl+s", "enter")
        assert Path("story.txt").read_text() == "Once\n"


def test_what_has_no_end_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in (str(tmp_path / "pipe"), "/dev/zero"):
        with pytest.raises(TextFileError, match="is not a file"):
            read_text(name)
