"""The line of keys: it follows the focus and the state, at every size."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual import events
from textual.pilot import Pilot

from tests.commit_params import first_of
from tests.tui.answers import CODE
from tests.tui.conftest import SIZE, app_of, current, idle, make_app, ready, say, screen_settled, tap, until
from tui.config.keymap import KEYMAP
from tui.config.paths import config_file
from tui.screens import key_hints
from tui.widgets.keys_line import fitting

SIZES = [(40, 12), (80, 24), (60, 20), (100, 30), (160, 48), (220, 60)]


def keys(pilot: Pilot[None]) -> str:
    """The line as it is shown."""
    return app_of(pilot).main.keys_line.render().plain.strip()


def offered(pilot: Pilot[None]) -> dict[str, str]:
    """Each key and its word, also those without room."""
    return dict(app_of(pilot).main.keys_line.keys)


def test_each_word_stands_by_an_action() -> None:
    actions = {key.id for key in KEYMAP} | {"/", "Enter", "Tab", "↑", "↓", "then"}
    tables = [value for value in vars(key_hints).values() if isinstance(value, dict) and value]
    tables += [*key_hints.FIELDS.values(), *key_hints.OTHER_MODE.values()]
    flat = [table for table in tables if all(isinstance(word, str) for word in table.values())]
    assert len(flat) > 15
    for table in flat:
        assert {action for actions_ in table for action in actions_.split(" ")} <= actions, table


def test_the_last_key_stays_when_others_do_not_fit() -> None:
    hints = (("Enter", "send"), ("Esc", "messages"), ("F1", "more"))
    assert fitting(hints, 37) == list(hints)
    assert fitting(hints, 33) == [hints[0], hints[2]]
    assert fitting(hints, 10) == [hints[2]]


async def test_a_message_without_a_reply_is_asked_again_or_gets_another_model(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        app = app_of(pilot)
        current(pilot).tree.add("user", "hello")
        app.presenter.show()
        assert keys(pilot).startswith("Esc then r ask again · Enter send")
        await tap(pilot, "escape", "r")
        await idle(pilot)
        assert len(current(pilot).tree.path()) == 2
        app.actions.models.use_named(str(tiny_model / "nowhere"))
        await until(pilot, lambda: app.main.status.state.word == "no model")
        await tap(pilot, *"hello", "enter")
        await idle(pilot)
        await until(pilot, lambda: keys(pilot).startswith("F4 choose a model"))
        app.actions.models.use_named(str(tiny_model))
        await until(pilot, lambda: len(current(pilot).tree.path()) == 4)
        await idle(pilot)


async def test_it_follows_the_focus(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        assert keys(pilot).startswith("Enter send · Ctrl+J new line · / commands")
        assert "messages" not in keys(pilot), "there are none yet"
        await say(pilot, "hello")
        assert "Esc messages" in keys(pilot) and keys(pilot).endswith("F1 more")
        await pilot.press("escape")  # on the reply
        assert keys(pilot).startswith("c continue · r regenerate · e edit · f fork · y copy")
        await pilot.press("k")
        assert keys(pilot).startswith("u roll back · e edit · r regenerate · f fork · y copy · Esc input")
        await pilot.press("ctrl+o")
        assert keys(pilot).startswith("Enter open · / filter · p pin · d delete · F2 rename · Esc back")
        await pilot.press("slash")
        assert keys(pilot).startswith("Enter open · ↑ ↓ move · Esc all sessions")
        await pilot.press("escape", "f2")
        assert keys(pilot).startswith("Enter save · Esc cancel")
        await pilot.press("escape", "p")
        await until(pilot, lambda: "p unpin" in keys(pilot))
        await pilot.press("d")
        await until(pilot, lambda: "u restore" in keys(pilot))
        await pilot.press("u", "escape")
        await pilot.press("escape", "slash", *"hello")
        assert keys(pilot).startswith("Enter go to match · Esc close")
        await pilot.press("enter")
        assert keys(pilot).startswith("n next · N previous · Esc close")


async def test_it_is_never_behind(tiny_model: Path) -> None:
    """Whatever comes and goes while the focus stays, the line says what the keys do now."""
    async with make_app(tiny_model).run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        await pilot.press("ctrl+o", "p", "escape", "ctrl+n")
        await say(pilot, "hello")
        app, done = app_of(pilot), list[str]()
        for key in [
            *("escape", "slash", *"hello", "enter", "n", "escape", "n", "escape", "k", "slash", "enter", "escape"),
            *("u", "ctrl+u", "escape", "right_square_bracket", "e", "escape", "escape", "ctrl+o", "down", "up", "d"),
            *("down", "u", "escape", "f3", *"hello", "enter", "enter", "f9", "f9", "escape", "ctrl+t", "ctrl+t"),
        ]:
            done.append(key)
            await pilot.press(key)
            await screen_settled(pilot)
            line = keys(pilot)
            app.presenter.refresh_keys()
            assert line == keys(pilot), done


async def test_it_follows_the_list_of_completions(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("slash", *"the")
        await until(pilot, lambda: keys(pilot).startswith("Enter run · Tab complete · ↑ ↓ choose · Esc close"))
        await pilot.press("escape")
        await until(pilot, lambda: keys(pilot).startswith("Enter send · Ctrl+J"))


async def test_a_token_for_pasted_text_can_be_expanded(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        app_of(pilot).main.composer.post_message(events.Paste("line\n" * 50))
        await until(pilot, lambda: keys(pilot).startswith("Enter send · Ctrl+L expand"))
        await pilot.press("ctrl+l")
        await until(pilot, lambda: keys(pilot).startswith("Enter send · Ctrl+J"))


async def test_it_follows_the_state(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        await say(pilot, "one")
        await say(pilot, "two")
        await pilot.press("escape", "g", "e")
        assert keys(pilot).startswith("Enter send as new version · Esc cancel")
        await pilot.press("escape", "escape", "g", "j", "u")
        assert keys(pilot).startswith("] restore")
        await pilot.press("right_square_bracket", "u")  # own messages go into the input
        assert "/ commands · Esc then ] restore · Esc messages" in keys(pilot)
        await pilot.press("ctrl+u", "escape", "right_square_bracket", "j", "r")
        await idle(pilot)
        await pilot.press("escape", "escape")
        assert "[ ] versions" in keys(pilot)


async def test_where_all_is_rolled_back_nothing_is_offered_that_needs_a_message(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        await pilot.press("escape", "g", "u", "ctrl+u", "escape")
        assert keys(pilot).startswith("] restore")
        assert not {"move", "find", "details"} & set(offered(pilot).values())
        await pilot.press("right_square_bracket")
        assert {"move", "find", "details"} <= set(offered(pilot).values())


async def test_stop_comes_first_while_a_reply_is_written(talkative_model: Path) -> None:
    async with make_app(talkative_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await tap(pilot, *"hello", "enter")
        await until(pilot, lambda: keys(pilot).startswith("Esc stop · Enter queue"))
        await tap(pilot, "escape")
        await idle(pilot)
        await pilot.press("escape", "escape")
        assert "stop" not in offered(pilot).values()


async def test_a_story_has_its_own(story_only_model: Path) -> None:
    async with make_app(story_only_model, mode="story").run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        await until(pilot, lambda: keys(pilot).startswith("F5 continue · F7 F8 versions · Ctrl+Z undo"))
        assert offered(pilot)["Ctrl+T"] == "chat"


async def test_where_no_model_is_it_leads_to_one(script: object, tmp_path: Path) -> None:
    async with make_app(tmp_path / "nothing").run_test(size=SIZE) as pilot:
        await until(pilot, lambda: keys(pilot).startswith("F4 choose a model"))


async def test_keys_are_shown_as_they_are_bound_and_the_line_goes_by_a_setting(tiny_model: Path) -> None:
    config_file().parent.mkdir(parents=True, exist_ok=True)
    config_file().write_text('[keys]\nroll_back = "b"\nhelp = "f11"\n')
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        await pilot.press("escape", "k")
        assert keys(pilot).startswith("b roll back") and keys(pilot).endswith("F11 more")
        assert app_of(pilot).main.keys_line.region.height == 1
        app = app_of(pilot)
        await app.appearance._reload_if_changed()
        config_file().write_text('keys_line = false\n[keys]\nroll_back = "w"\n')
        await app.appearance._reload_if_changed()
        await until(pilot, lambda: not app.main.keys_line.display and offered(pilot).get("w") == "roll back")
        await pilot.pause()
        rows = app.main.status.region.bottom
        assert rows == SIZE[1], "nothing is left of its row"


async def sessions(pilot: Pilot[None]) -> None:
    await pilot.press("ctrl+o")


async def message(pilot: Pilot[None]) -> None:
    await pilot.press("escape", "k")


async def writing(pilot: Pilot[None]) -> None:
    app_of(pilot).main.focus_work()


async def finding(pilot: Pilot[None]) -> None:
    await pilot.press("escape", "slash")


async def story(pilot: Pilot[None]) -> None:
    await pilot.press("ctrl+t")
    await ready(pilot)


@pytest.mark.parametrize("size", first_of(((size,) for size in SIZES), 2), ids=lambda size: f"{size[0]}x{size[1]}")
async def test_at_every_size_it_is_there_and_the_focus_is_seen(tiny_model: Path, size: tuple[int, int]) -> None:
    places: list[Callable[[Pilot[None]], Awaitable[None]]] = [writing, message, finding, sessions, story]
    async with make_app(tiny_model).run_test(size=size) as pilot:
        await ready(pilot)
        await say(pilot, CODE)
        main = app_of(pilot).main
        for place in places:
            await pilot.press("escape")
            writing_now = main.composer if main.composer.display else main.story_pane
            main.set_focus(writing_now)
            await place(pilot)
            await pilot.pause()
            where = f"{place.__name__} at {size}"
            line, focused = main.keys_line, main.focused
            assert line.region.height == 1 and line.region.bottom == size[1], where
            assert keys(pilot).endswith("F1 more"), where
            assert len(offered(pilot)) > 2 and keys(pilot).count(" · ") >= 1, where
            assert cell_len(line.render().plain) <= size[0], where
            assert focused is not None, where
            seen = main.find_widget(focused)
            assert seen.visible_region.area and main.get_widget_at(*seen.visible_region.offset)[0] in (
                focused,
                *focused.ancestors,
            ), where
            for bar in (main.top, main.status, main.story_line):
                assert cell_len(bar.render().plain) <= size[0], (bar, where)
    assert current(pilot)
