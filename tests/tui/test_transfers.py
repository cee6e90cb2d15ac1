"""Sessions go to files and come from files without leaving the app."""

import json
import threading
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.conversation.conversations import talk
from tests.tui.composing import composer
from tests.tui.conftest import app_of, current, make_app, ready, say, until, wrong_in_dialog
from tui.import_export.exporter import WRITERS
from tui.screens.text_prompt import AskScreen
from tui.storage.errors import StoreError
from tui.terminal.clipboard import osc52

SIZE = (100, 30)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TMUX", raising=False)


async def command(pilot: Pilot[None], text: str) -> None:
    composer(pilot).put(text)
    await pilot.press("enter")


@pytest.mark.parametrize("kind", list(WRITERS))
async def test_a_chat_is_exported_and_its_path_copied(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        written: list[str] = []
        monkeypatch.setattr(app_of(pilot), "write_to_terminal", written.append)
        await say(pilot, "how is the/weather?")
        await command(pilot, f"/export {kind}")
        file = tmp_path / f"how-is-the-weather.{kind}"
        await until(pilot, file.exists)
        await until(pilot, lambda: current(pilot).notice.startswith("Exported"))
        assert current(pilot).notice == f"Exported to {file} (path copied)."
        assert osc52(str(file), tmux=False) in written
        assert file.read_text() == WRITERS[kind](current(pilot).conversation)
        assert composer(pilot).text == ""


async def test_a_file_is_named_by_its_suffix_and_none_is_overwritten(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text("mine")
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        await command(pilot, "/export mine.json")
        await until(pilot, lambda: "already exists. Choose another" in current(pilot).notice)
        await command(pilot, "/export json other name.json")
        await until(pilot, (tmp_path / "other name.json").exists)
        await command(pilot, "/export md")
        await until(pilot, (tmp_path / "hello.md").exists)
        await command(pilot, "/export md")
        await until(pilot, (tmp_path / "hello-2.md").exists)
        await command(pilot, "/export pdf")
        assert current(pilot).notice.startswith("Formats: md, html, json, jsonl.")
        await command(pilot, "/export md /nowhere/x.md")
        await until(pilot, lambda: "Cannot write /nowhere/x.md" in current(pilot).notice)
    assert (tmp_path / "mine.json").read_text() == "mine"


async def test_without_a_format_a_file_is_asked_for(tiny_model: Path, tmp_path: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        await command(pilot, "/export")
        await pilot.press("enter")
        await until(pilot, (tmp_path / "hello.md").exists)
        assert (tmp_path / "hello.md").read_text().startswith("<!-- llm-tui chat")


async def test_what_was_typed_stays_until_it_can_be_a_file(tiny_model: Path, tmp_path: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        await command(pilot, "/export")
        for typed, wrong in (("notes.pdf", "Formats: md"), ("/nowhere/x.md", "Cannot write /nowhere/x.md")):
            await until(pilot, lambda: isinstance(app_of(pilot).screen, AskScreen))
            field = app_of(pilot).screen.query_one("#ask-text", Input)
            field.value = typed
            await pilot.press("enter")
            await until(pilot, lambda wrong=wrong: wrong in wrong_in_dialog(pilot))  # type: ignore[misc]
            assert app_of(pilot).screen.query_one("#ask-text", Input).value == typed
        app_of(pilot).screen.query_one("#ask-text", Input).value = "notes.md"
        await pilot.press("enter")
        await until(pilot, (tmp_path / "notes.md").exists)


async def test_a_dialog_for_a_file_stays_until_the_file_is_taken(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is typed meanwhile is for whatever follows; closed meanwhile, what was wrong is told below."""
    go_on = threading.Event()

    def slow(*_: object) -> None:
        go_on.wait(60)
        raise StoreError("The file is a joke.")

    monkeypatch.setattr("tui.import_export.importer.import_file", slow)
    monkeypatch.setattr("tests.tui.conftest.PATIENCE", 0.1)  # what a key begins does not end
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await command(pilot, "/import")
        await until(pilot, lambda: isinstance(app_of(pilot).screen, AskScreen))
        dialog = app_of(pilot).screen
        dialog.query_one("#ask-text", Input).value = "x.json"
        await pilot.press("enter")
        await until(pilot, lambda: dialog.query_one("#ask-text", Input).disabled)
        assert app_of(pilot).screen is dialog
        go_on.set()
        await until(pilot, lambda: wrong_in_dialog(pilot) == "The file is a joke.")
        assert app_of(pilot).screen is dialog and app_of(pilot).focused is dialog.query_one("#ask-text", Input)
        go_on.clear()
        await pilot.press("enter")
        await until(pilot, lambda: dialog.query_one("#ask-text", Input).disabled)
        await pilot.press("escape")
        await until(pilot, lambda: app_of(pilot).screen is app_of(pilot).main)
        assert current(pilot).notice == "Importing x.json…"
        go_on.set()
        await until(pilot, lambda: current(pilot).notice == "The file is a joke.")
        assert app_of(pilot).screen is app_of(pilot).main


async def test_one_session_that_is_imported_is_opened(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(WRITERS["json"](talk("from elsewhere")))
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await command(pilot, "/import one.json")
        await until(pilot, lambda: current(pilot).shown_title == "from elsewhere")
        assert current(pilot).notice == "Imported 1 session from one.json."
        await command(pilot, "/import one.json")
        await until(pilot, lambda: "skipped 1 existing" in current(pilot).notice)
        await command(pilot, "/import missing.json")
        await until(pilot, lambda: "missing.json does not exist" in current(pilot).notice)
        await command(pilot, "/import ~nobody-of-this-name/x.json")
        await until(pilot, lambda: "home" in current(pilot).notice)


async def test_several_sessions_are_listed(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "all.jsonl").write_text("".join(WRITERS["jsonl"](talk(f"chat {number}")) for number in range(3)))
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await command(pilot, "/import all.jsonl")
        await until(pilot, lambda: current(pilot).notice == "Imported 3 sessions from all.jsonl.")
        sessions = app_of(pilot).services.sessions
        await until(pilot, lambda: {"chat 0", "chat 1", "chat 2"} <= {line.title for line in sessions.lines()})
        assert current(pilot).shown_title == "New chat"


async def test_a_session_is_copied_whole(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        await command(pilot, "/copy-session")
        await until(pilot, lambda: app_of(pilot).clipboard)
        assert app_of(pilot).clipboard == WRITERS["md"](current(pilot).conversation)


async def test_a_reply_that_grows_does_not_disturb_its_export(talkative_model: Path, tmp_path: Path) -> None:
    async with make_app(talkative_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"go", "enter")
        await until(pilot, lambda: current(pilot).tip.text)
        await command(pilot, "/export json")
        await until(pilot, (tmp_path / "go.json").exists)
        await until(pilot, lambda: current(pilot).notice.startswith("Exported"))
        assert json.loads((tmp_path / "go.json").read_text())["nodes"][-1]["text"]
        await pilot.press("escape")
