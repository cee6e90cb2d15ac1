"""Sessions: new, switched, deleted, brought back; and the screens around them."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.content import Content

from inference import SamplingParams
from tests.stubs.conversations import answered, save
from tests.tui.conftest import SIZE, app_of, current, make_app, ready, say, until
from tui.app import LlmTui
from tui.config.keymap import Key
from tui.config.settings import load_settings
from tui.conversation.conversation import Conversation
from tui.screens.help import HelpScreen, help_page, help_rows
from tui.storage.store import Store
from tui.widgets.composer import Composer


async def test_switching_keeps_what_was_typed(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=(120, 30)) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        await pilot.press(*"draft")
        first = current(pilot)
        await pilot.press("ctrl+n")
        assert app_of(pilot).main.composer.text == ""
        await pilot.press(*"other", "ctrl+o", "down", "enter")
        assert current(pilot) is first
        assert app_of(pilot).main.composer.text == "draft"
        assert len(list(app_of(pilot).services.sessions)) == 2


async def test_empty_sessions_do_not_pile_up(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("ctrl+n", "ctrl+n", "ctrl+t", "ctrl+t", "ctrl+n")
        assert len(list(app_of(pilot).services.sessions)) == 1


async def test_a_deleted_session_comes_back(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=(120, 30)) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        first = current(pilot)
        await pilot.press("ctrl+n", "x", "ctrl+o", "down", "d")
        assert first not in list(app_of(pilot).services.sessions)
        assert "hello" in current(pilot).notice
        await pilot.press("u", "escape")
        assert current(pilot) is first
        await say(pilot, "again")
        assert len(first.tree.path()) == 4


async def test_several_deleted_sessions_come_back_one_after_the_other(tiny_model: Path) -> None:
    talks = [Conversation(title=title) for title in ("one", "two", "three")]
    for talk in talks:
        answered(talk, f"Say {talk.title}.", talk.title)
    save(*talks)
    async with make_app(tiny_model, mode="chat").run_test(size=(120, 30)) as pilot:
        await ready(pilot)
        await pilot.press("ctrl+o", "down")
        gone = []
        for _ in talks:
            gone.append(app_of(pilot).main.sidebar.highlighted_id)
            await pilot.press("d")
        store = app_of(pilot).services.sessions.store
        assert set(gone) == {talk.id for talk in talks} and store.sessions(5) == []
        for session_id in reversed(gone):
            await pilot.press("u")
            assert current(pilot).id == session_id
        assert {listing.id for listing in store.sessions(5)} == {talk.id for talk in talks}


async def test_ctrl_t_goes_to_and_fro(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        chat = current(pilot)
        await pilot.press("ctrl+t", *"Once")
        story = current(pilot)
        assert (chat.mode, story.mode) == ("chat", "story")
        await pilot.press("ctrl+t")
        assert current(pilot) is chat
        await pilot.press("ctrl+t")
        assert current(pilot) is story
        pane = app_of(pilot).main.story_pane
        assert pane and pane.text == "Once"


async def test_on_a_narrow_screen_the_sidebar_folds_away_and_opens_over_it(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        sidebar = app_of(pilot).main.sidebar
        assert not sidebar.display
        await pilot.press("ctrl+o")
        assert sidebar.display and app_of(pilot).main.sessions.has_focus
        await pilot.press("escape")
        assert not sidebar.display and app_of(pilot).main.composer.has_focus
        await pilot.press("f9")
        assert sidebar.display
        await pilot.press("f9")
        assert not sidebar.display
        await pilot.resize_terminal(120, 30)
        await until(pilot, lambda: sidebar.display)
        await pilot.press("f9")
        assert not sidebar.display


async def test_f1_lists_every_key_and_every_fact(tiny_model: Path) -> None:
    from tui.config.help_topics import facts
    from tui.config.keymap import KEYMAP, PLACES

    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await pilot.press("f1")
        assert isinstance(pilot.app.screen, HelpScreen)
        page = help_page(KEYMAP, 1000, tuple(PLACES)).plain
        assert all(key.label in page and key.title in page for key in KEYMAP)
        assert all(fact.title in page and fact.answer.replace("`", "") in page for fact in facts())
        assert "I am guide" not in page
        narrow = help_page(KEYMAP, 30, tuple(PLACES)).plain
        assert max(len(row.rstrip()) for row in narrow.splitlines()) <= 30
        assert "".join(narrow.split()) == "".join(page.split())
        await pilot.press(*"tinted text")
        await pilot.pause()
        assert "your next edit" in str(pilot.app.screen.query_one("#help-keys HelpPage").render())
        await pilot.press("escape")
        assert not isinstance(pilot.app.screen, HelpScreen)


async def test_without_a_model_the_screen_says_how_to_give_one() -> None:
    async with make_app("nowhere").run_test(size=(80, 24)) as pilot:
        absent = app_of(pilot).main.absent
        await until(pilot, lambda: absent.display)
        assert "nowhere" in str(absent.content) and "llm-tui --model DIR" in str(absent.content)
        await pilot.press("ctrl+t", "f5", "ctrl+n", "f1", "escape", "ctrl+q")
    assert pilot.app.return_code == 0


async def test_keys_in_a_story_without_a_model_go_nowhere(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hidden input had the focus, and handed each key on to what has the focus: to itself, without an end."""
    keys: list[str] = []
    usual = Composer._on_key

    async def counted(composer: Composer, event: events.Key) -> None:
        keys.append(event.key)
        if len(keys) < 50:
            await usual(composer, event)

    monkeypatch.setattr(Composer, "_on_key", counted)
    async with make_app("nowhere", mode="story").run_test(size=(80, 24)) as pilot:
        main = app_of(pilot).main
        await until(pilot, lambda: main.absent.display)
        main.focus_work()
        assert main.focused is None
        await pilot.press("a", "enter")
        main.set_focus(main.composer)
        await pilot.press("b", "enter")
        assert keys == ["b", "enter"] and main.composer.text == ""
        main.set_focus(None)
        app_of(pilot).actions.models.use_named(str(tiny_model))
        await until(pilot, lambda: main.story_pane)
        await pilot.press(*"Once")
        assert main.story_pane is not None and main.story_pane.text == "Once"


async def test_a_broken_model_is_explained_and_the_app_lives(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    async with make_app(tmp_path).run_test(size=(80, 24)) as pilot:
        absent = app_of(pilot).main.absent
        await until(pilot, lambda: absent.display)
        assert "config.json" in str(absent.content)
        await pilot.press("ctrl+n", "ctrl+t", "ctrl+c", "ctrl+c")
    assert pilot.app.return_code == 0


async def test_idle_it_wakes_up_twice_a_second_at_most(tiny_model: Path) -> None:
    """No fast timer is left once the last reply has ended."""
    from textual.timer import Timer

    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        await pilot.pause()
        timers: list[Timer] = [timer for timer in pilot.app._timers if timer.name != "screen update"]
        assert all(timer._interval >= 0.5 for timer in timers)


async def test_help_is_laid_out_once_whether_it_scrolls_or_not(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    widths: list[int] = []

    def noted(keymap: tuple[Key, ...], columns: int, *rest: Any) -> Content:
        widths.append(columns)
        return help_page(keymap, columns, *rest)

    help_rows.cache_clear()
    monkeypatch.setattr("tui.screens.help.help_page", noted)
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("f1")
        await pilot.pause()
        keys = pilot.app.screen.query_one("#help-keys")
        assert keys.show_vertical_scrollbar
        await pilot.press(*"ctrl+q")
        await until(pilot, lambda: not keys.show_vertical_scrollbar)
        assert widths and len(set(widths)) == 1


async def test_help_begins_where_one_is_and_finds_what_is_typed(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=(100, 40)) as pilot:
        await ready(pilot)
        for keys, place in (((), "Input"), (("escape",), "Messages"), (("ctrl+o",), "Sessions")):
            await pilot.press(*keys, "f1")
            page = str(pilot.app.screen.query_one("#help-keys HelpPage").render())
            assert page.startswith(place)
            await pilot.press(*"fork")
            page = str(pilot.app.screen.query_one("#help-keys HelpPage").render())
            assert page.splitlines()[1:5] == [
                "  f  Fork into a new session",
                "",
                "Topics",
                "  Fork into a new session",
            ]
            await pilot.press("f1")


async def test_help_lists_the_keys_of_the_mode(tiny_model: Path) -> None:
    """And every topic, so that typed words find the other mode's keys too."""
    async with make_app(tiny_model).run_test(size=(100, 40)) as pilot:
        await ready(pilot)
        for keys, listed, other in (((), "Messages", "Story"), (("ctrl+t",), "Story", "Messages")):
            await pilot.press(*keys)
            await until(pilot, lambda other=other: current(pilot).mode == ("chat" if other == "Story" else "story"))
            await pilot.press("f1")
            page = str(pilot.app.screen.query_one("#help-keys HelpPage").render()).splitlines()
            assert listed in page and other not in page and "Anywhere" in page
            assert "  Continue the story" in page and "  Fork into a new session" in page
            await pilot.press("f1")


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_session_that_came_without_a_model_is_answered_by_one_that_is_here(
    tiny_model: Path, at_once: bool
) -> None:
    store = Store(load_settings().db)
    imported = Conversation(updated=2e9 if at_once else 1e9)
    imported.tree.add("user", "asked elsewhere")
    other = Conversation(model=str(tiny_model), updated=1.5e9)
    other.tree.add("user", "asked here")
    for conversation in (imported, other):
        store.save(conversation)
    store.close()
    settings = replace(load_settings(), chat_model=str(tiny_model))
    app = LlmTui(settings, params=SamplingParams(temperature=0, max_tokens=5), mode=None)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        if not at_once:
            app_of(pilot).actions.application.open(imported.id)
        assert current(pilot).id == imported.id
        assert current(pilot).model == str(tiny_model)
        assert f"using {tiny_model}" in current(pilot).notice
        await ready(pilot)
        await say(pilot, "and here?")
        assert [node.role for node in current(pilot).tree.path()] == ["user", "user", "assistant"]


async def test_a_database_that_is_deleted_is_made_up_for_and_that_is_said(tiny_model: Path) -> None:
    file = load_settings().db
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        shutil.rmtree(file.parent)
        await until(pilot, lambda: "was deleted, moved or replaced" in current(pilot).notice)
        assert [listing.id for listing in Store(file).sessions(5)] == [current(pilot).id]
        await say(pilot, "again")
    nodes = [node.text for node in Store(file).read(current(pilot).id).tree.path() if node.role == "user"]
    assert nodes == ["hello", "again"]
