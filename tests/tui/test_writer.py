"""The writer's page and the preview of the prompt in the app."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList

from tests.conversation.lorebooks import card, page, world_info
from tests.stubs.script import Script
from tests.tui.conftest import SIZE, app_of, current, idle, make_app, ready, say, tap, until, wrong_in_dialog
from tests.tui.story import pane
from tui.actions import writer as writer_actions
from tui.conversation.lorebook import Entry
from tui.conversation.writer_page import WriterPage
from tui.screens.lorebook_entry import WRONG_ORDER, EntryScreen
from tui.screens.prompt_preview import PromptPreviewScreen
from tui.screens.writer import NO_ENTRIES, WRONG_BUDGET, WRONG_DEPTH, WriterScreen
from tui.services.prompt_preview import Preview, preview
from tui.storage.store import OPEN_ELSEWHERE
from tui.widgets.plain_text import Plain
from tui.widgets.safe_text_area import Editor

LAMP = Entry("Lamp", ("lamp",), text="The lamp burns oil.")
SIZES = [(160, 48), (80, 24), (40, 12)]


def dialog(pilot: Pilot[None]) -> WriterScreen:
    screen = app_of(pilot).screen
    assert isinstance(screen, WriterScreen)
    return screen


def shown_in(pilot: Pilot[None], name: str) -> str:
    return str(app_of(pilot).screen.query_one(f"#{name}", Plain).content)


def rows(pilot: Pilot[None]) -> list[str]:
    found = dialog(pilot).query_one("#writer-list", OptionList)
    lines = (found.render_line(y).text for y in range(found.size.height))
    return [" ".join(line.split()) for line in lines if line.strip()]


async def opened(pilot: Pilot[None]) -> None:
    await pilot.press("f10")
    await until(pilot, lambda: isinstance(app_of(pilot).screen, WriterScreen))
    await until(pilot, lambda: "tokens" in shown_in(pilot, "writer-shares"))


async def on_the_list(pilot: Pilot[None]) -> None:
    dialog(pilot).query_one("#writer-list").focus()
    await pilot.pause()


async def closed(pilot: Pilot[None]) -> None:
    await pilot.press("escape")
    await until(pilot, lambda: app_of(pilot).screen is app_of(pilot).main)


async def context(pilot: Pilot[None]) -> str:
    """Open the preview by the registry, as the palette does; its text."""
    app_of(pilot).action_do("context")
    await until(pilot, lambda: prompt_shown(pilot))
    return prompt_shown(pilot)


def prompt_shown(pilot: Pilot[None]) -> str:
    screen = app_of(pilot).screen
    return screen.query_one(Editor).text if isinstance(screen, PromptPreviewScreen) and screen.focused else ""


@pytest.mark.parametrize("size", SIZES)
async def test_memory_and_note_are_written_counted_and_given_to_the_model(
    story_only_model: Path, script: Script, size: tuple[int, int]
) -> None:
    async with make_app(story_only_model).run_test(size=size) as pilot:
        await ready(pilot)
        await pilot.press(*"One.", "enter", *"Two.", "enter", *"So")
        await opened(pilot)
        await pilot.press(*"It is late.", "tab", *"Slowly.", "tab", "backspace", "1")
        await until(pilot, lambda: "12 of 512 tokens" in shown_in(pilot, "writer-shares"))
        await closed(pilot)
        assert (current(pilot).page.memory, current(pilot).page.note, current(pilot).page.depth) == (
            "It is late.",
            "Slowly.",
            1,
        )
        shown = await context(pilot)
        assert shown == "It is late.\n\nOne.\nTwo.\n[Author's note: Slowly.]\nSo"
        await closed(pilot)
        await pilot.press("f5")
        await idle(pilot)
        assert script.prompts[-1] == shown
        assert pane(pilot).text.startswith("One.\nTwo.\nSo")


async def test_entries_are_made_changed_switched_deleted_and_brought_back(story_only_model: Path) -> None:
    async with make_app(story_only_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"The lamp")
        await opened(pilot)
        await on_the_list(pilot)
        assert rows(pilot) == [NO_ENTRIES]
        await pilot.press("n")
        await pilot.press(*"Lamp", "tab", *"lamp, /oi?l/", "tab", "tab", "backspace", "backspace", "tab", *"It burns.")
        assert isinstance(app_of(pilot).screen, EntryScreen)
        await pilot.press("escape")
        assert rows(pilot) == ["Lorebook 1 entry", "[x] Lamp lamp, /oi?l/ order 1"]
        (entry,) = current(pilot).page.books[0].entries
        assert entry == Entry("Lamp", ("lamp", "/oi?l/"), text="It burns.", order=1)
        await until(pilot, lambda: "Lamp  3 tokens" in shown_in(pilot, "writer-shares"))
        await pilot.press("space")
        assert rows(pilot)[1].startswith("[ ] Lamp")
        await until(pilot, lambda: "Lamp  3 tokens" not in shown_in(pilot, "writer-shares"))
        await pilot.press("space", "c")
        assert rows(pilot)[1] == "[x] Lamp always order 1"
        await pilot.press("enter", "end", *"!", "escape")
        assert rows(pilot)[1].startswith("[x] Lamp!")
        await pilot.press("d")
        assert rows(pilot) == ["Lorebook 0 entries"] and "Deleted Lamp!. u undoes it." in shown_in(pilot, "writer-told")
        await pilot.press("d")
        assert rows(pilot) == [NO_ENTRIES] and current(pilot).page.blank
        await pilot.press("u", "u")
        assert rows(pilot)[1].startswith("[x] Lamp!")
        await closed(pilot)
        assert current(pilot).page.books[0].entries[0].label == "Lamp!"


async def test_what_is_wanted_of_secondary_keys_is_named(story_only_model: Path) -> None:
    async with make_app(story_only_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        app_of(pilot).push_screen(EntryScreen(Entry("Lamp", ("lamp",), ("moth",), logic="not any")))
        await until(pilot, lambda: app_of(pilot).screen.focused)
        labels = [str(label.content) for label in app_of(pilot).screen.query("LabelledField Plain").results(Plain)]
        assert labels == ["Name", "Keys", "Secondary keys, none", "Order"]


async def test_a_number_that_is_none_is_told_and_not_lost(story_only_model: Path) -> None:
    async with make_app(story_only_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await opened(pilot)
        await pilot.press("tab", "tab", *"x", "escape")
        assert shown_in(pilot, "writer-told") == WRONG_DEPTH
        await pilot.press("backspace", "tab", "tab", *"many", "escape")
        assert shown_in(pilot, "writer-told") == WRONG_BUDGET
        await pilot.press(*["backspace"] * 4, *"120")
        await closed(pilot)
        assert current(pilot).page == WriterPage(budget=120)
        await opened(pilot)
        await on_the_list(pilot)
        await pilot.press("n", "tab", "tab", "tab", *"x", "escape")
        assert isinstance(app_of(pilot).screen, EntryScreen) and shown_in(pilot, "entry-told") == WRONG_ORDER


async def test_lorebooks_are_imported_and_exported(story_only_model: Path, tmp_path: Path) -> None:
    (tmp_path / "skarn.json").write_text(json.dumps(world_info()))
    (tmp_path / "ilse.json").write_text(json.dumps(card()))
    (tmp_path / "bad.json").write_text("{")
    async with make_app(story_only_model).run_test(size=(160, 48)) as pilot:
        await ready(pilot)
        await opened(pilot)
        await on_the_list(pilot)
        await pilot.press("i", *str(tmp_path / "bad.json"), "enter")
        await until(pilot, lambda: "is not JSON" in wrong_in_dialog(pilot))
        await pilot.press("ctrl+u", *str(tmp_path / "skarn.json"), "enter")
        await until(pilot, lambda: isinstance(app_of(pilot).screen, WriterScreen))
        await until(pilot, lambda: "Imported Skarn — 灯台: 4 entries." in shown_in(pilot, "writer-told"))
        assert rows(pilot)[0] == "Skarn — 灯台 4 entries" and rows(pilot)[1].startswith(
            "[x] Lighthouse lighthouse, lamp"
        )
        await pilot.press("i", *str(tmp_path / "ilse.json"), "enter")
        await until(pilot, lambda: "Ilse 2 entries" in rows(pilot))
        assert "added to the memory" in shown_in(pilot, "writer-told")
        assert dialog(pilot).query_one("#writer-memory", Editor).text.startswith("Ilse keeps the lighthouse.")
        await pilot.press("x", *["backspace"] * 30, *str(tmp_path / "out.json"), "enter")
        await until(pilot, lambda: "Exported to" in shown_in(pilot, "writer-told"))
        assert json.loads((tmp_path / "out.json").read_text()) == card()
        await pilot.press("x", *["backspace"] * 30, *str(tmp_path / "out.json"), "enter")
        await until(pilot, lambda: "already exists" in wrong_in_dialog(pilot))
        await pilot.press("escape")
        await closed(pilot)
        assert [book.value for book in current(pilot).page.books] == [world_info(), card()]
        assert "Patient." in current(pilot).page.memory


async def test_in_a_chat_entries_come_before_the_question(tiny_model: Path, script: Script) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        current(pilot).put_page(page(LAMP, memory="M"))
        await say(pilot, "The lamp?")
        assert script.prompts[-1] == "\nsystem:\nM\nuser:\nThe lamp burns oil.\n\nThe lamp?\nassistant:\n"
        await say(pilot, "Thanks")
        assert "burns" in script.prompts[-1] and "\nuser:\nThe lamp?" in script.prompts[-1], (
            "as long as it is spoken of"
        )
        reply = current(pilot).tip
        assert reply is not None
        await pilot.press(*"/context", "enter")
        await until(pilot, lambda: prompt_shown(pilot))
        assert prompt_shown(pilot).endswith(f"Thanks\nassistant:\n{reply.text}")
        assert "Memory" in shown_in(pilot, "preview-shares") and "Lamp  4 tokens" in shown_in(pilot, "preview-shares")


async def test_what_is_typed_is_in_the_preview_and_nothing_is_sent(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        current(pilot).put_page(page(LAMP))
        await pilot.press(*"Light the lamp")
        assert await context(pilot) == "\nuser:\nThe lamp burns oil.\n\nLight the lamp\nassistant:\n"
        assert len(current(pilot).tree) == 0
        await closed(pilot)
        assert app_of(pilot).main.composer.text == "Light the lamp"


async def test_it_is_saved_with_a_session_that_has_nothing_else(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await opened(pilot)
        await pilot.press(*"It is late.")
        await closed(pilot)
        kept = current(pilot).id
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        app_of(pilot).actions.application.open(kept)
        await until(pilot, lambda: current(pilot).id == kept)
        assert current(pilot).page.memory == "It is late."
        await pilot.press("ctrl+n", "f10")
        await until(pilot, lambda: isinstance(app_of(pilot).screen, WriterScreen))
        assert dialog(pilot).query_one("#writer-memory", Editor).text == "", "another session has its own"


async def test_a_session_that_is_open_elsewhere_is_only_read(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        current(pilot).readonly = True
        await pilot.press("f10")
        assert current(pilot).notice == OPEN_ELSEWHERE


async def test_what_cannot_be_shown_is_told(story_only_model: Path) -> None:
    async with make_app(story_only_model, mode="chat").run_test(size=SIZE) as pilot:
        await ready(pilot)
        app_of(pilot).action_do("context")
        await until(pilot, lambda: "has no chat template" in current(pilot).notice)
        assert app_of(pilot).screen is app_of(pilot).main


async def test_strange_characters_of_a_lorebook_are_drawn_as_symbols(tiny_model: Path) -> None:
    hostile = "\x1b]0;x\x07[bold]"
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        current(pilot).put_page(page(Entry(hostile, (hostile,), text=hostile, constant=True)))
        await opened(pilot)
        drawn = [*rows(pilot), shown_in(pilot, "writer-shares")]
        assert any("[bold]" in row for row in drawn) and not any("\x1b" in row or "\x07" in row for row in drawn)


async def test_what_the_model_sees_is_not_shown_once_a_message_was_sent(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be the prompt of what was before."""
    asked, held = threading.Event(), threading.Event()

    def waiting(*given: Any) -> Preview:
        asked.set()
        held.wait()
        return preview(*given)

    monkeypatch.setattr(writer_actions, "preview", waiting)
    async with make_app(tiny_model).run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        app_of(pilot).action_do("context")
        await until(pilot, asked.is_set)
        await tap(pilot, *"hello", "enter")
        await until(pilot, lambda: len(current(pilot).tree))
        held.set()
        await idle(pilot)
        assert app_of(pilot).screen is app_of(pilot).main and current(pilot).tip.role == "assistant"
