"""The command palette: what it lists, in which order, and where it leads."""

import asyncio
from pathlib import Path

from textual import events
from textual.pilot import Pilot

from tests.held import Held
from tests.tui.conftest import SIZE, app_of, current, make_app, ready, say, tap, until
from tui.screens.command_palette import OFFERED, PaletteScreen
from tui.widgets.safe_input import Field


async def palette(pilot: Pilot[None], text: str = "") -> PaletteScreen:
    """The palette, its models read, filtered by ``text``."""
    await tap(pilot, "ctrl+p")
    screen = pilot.app.screen
    assert isinstance(screen, PaletteScreen)
    await until(pilot, lambda: all(worker.is_finished for worker in pilot.app.workers))
    await tap(pilot, *text)
    await pilot.pause()
    return screen


def rows(screen: PaletteScreen) -> list[str]:
    """Headings and titles, from above."""
    shown, headings = iter(screen._shown), [str(option.prompt) for option in screen._list.options if option.disabled]
    return [entry.title if entry else headings.pop(0) for entry in shown]


def drawn(screen: PaletteScreen) -> list[str]:
    return [screen._list.render_line(y).text.rstrip() for y in range(screen._list.size.height)]


async def run(pilot: Pilot[None], text: str) -> None:
    await palette(pilot, text)
    await tap(pilot, "enter")
    await until(pilot, lambda: not isinstance(pilot.app.screen, PaletteScreen))


async def test_what_is_likely_where_one_is_comes_first(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        assert rows(await palette(pilot))[:2] == ["Suggested", "New session"]
        await tap(pilot, "escape")
        await say(pilot, "hello")
        await tap(pilot, "escape")
        assert rows(await palette(pilot))[:3] == ["Suggested", "Regenerate", "Edit message"]
        await tap(pilot, "escape", "ctrl+o")
        assert rows(await palette(pilot))[:2] == ["Suggested", "Rename session"]
        await tap(pilot, "escape", "ctrl+t")
        assert rows(await palette(pilot))[:2] == ["Suggested", "Continue from cursor"]


async def test_each_action_has_one_row_with_its_key_at_the_right(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        screen = await palette(pilot)
        titles = [entry.id for entry in screen._shown if entry is not None and entry.group != "Use model"]
        actions = app_of(pilot).actions
        assert sorted(titles) == sorted(a.id for a in actions if a.available("chat") and a.id != "palette")
        new = next(line for line in drawn(screen) if "New session" in line)
        assert new.startswith("  New session  ") and new.endswith("  Ctrl+N")
        assert {len(line) for line in drawn(screen) if line.endswith(("Ctrl+N", "F3", "F4"))} == {len(new)}
        assert len(new) == screen._list.scrollable_content_region.width - 1, "it stands off the scrollbar"


async def test_the_first_paint_has_the_whole_list(tiny_model: Path) -> None:
    """No frame of an empty box, and the field has the focus."""
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        pictures: list[list[str]] = []
        app, usual = app_of(pilot), app_of(pilot)._display

        def noted(screen: object, renderable: object) -> None:
            if isinstance(screen, PaletteScreen):
                pictures.append([strip.text for strip in screen._compositor.render_strips()])
            usual(screen, renderable)  # type: ignore[arg-type]

        app._display = noted  # type: ignore[method-assign, assignment]
        await palette(pilot)
        assert any("New session" in line for line in pictures[0]) and any("Commands" in line for line in pictures[0])


async def test_recent_ones_are_on_top(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        for words in ("toggle reply", "show or hide", "toggle reply"):
            await run(pilot, words)
        assert rows(await palette(pilot))[:4] == [
            "Recent",
            "Toggle reply details",
            "Show or hide session list",
            "Suggested",
        ]


async def test_typing_filters_the_best_first_and_enter_runs_it(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        screen = await palette(pilot, "find")
        assert rows(screen) == [
            *("Messages", "Find in session", "Find next", "Find previous"),
            *("Suggested", "Search all messages"),
        ]
        await tap(pilot, "down", "up", *" prev")
        assert rows(screen) == ["Messages", "Find previous"]
        await tap(pilot, "escape")
        assert rows(await palette(pilot, "rgnrat")) == ["Suggested", "Regenerate"]
        await tap(pilot, "enter")
        await until(pilot, lambda: len(current(pilot).tree) == 3)


async def test_enter_without_a_match_stays(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        screen = await palette(pilot, "qqq")
        await tap(pilot, "enter", "pagedown", "up", "enter")
        assert pilot.app.screen is screen and any("No matches." in line for line in drawn(screen))
        await tap(pilot, "ctrl+p")
        assert pilot.app.screen is app_of(pilot).main


async def test_it_goes_to_sessions_and_models(shelf: Path) -> None:
    async with make_app(shelf / "first", model_directories=(str(shelf),)).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "apples and pears")
        fruit = current(pilot)
        await tap(pilot, "ctrl+n")
        await say(pilot, "rivers")
        assert rows(await palette(pilot, "apples")) == ["Go to session", "apples and pears"]
        await tap(pilot, "enter")
        await until(pilot, lambda: current(pilot) is fruit)
        screen = await palette(pilot, "mine/sec")
        assert rows(screen) == ["Use model", "second"]
        assert drawn(screen)[1].endswith(shelf.name)
        await tap(pilot, "enter")
        await until(pilot, lambda: fruit.model == str(shelf / "second") and app_of(pilot).services.workspace.model)


async def test_a_filter_of_the_sidebar_hides_no_session_here(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "apples")
        await tap(pilot, "ctrl+n")
        app_of(pilot).actions.sessions.filter("rivers")
        assert rows(await palette(pilot, "session: app")) == ["Go to session", "apples"]


async def test_models_that_come_late_move_no_highlight(shelf: Path, monkeypatch: object) -> None:
    async with make_app(shelf / "first", model_directories=(str(shelf),)).run_test(size=SIZE) as pilot:
        await ready(pilot)
        models = app_of(pilot).services.models
        held = Held(models.installed)
        models.installed = held  # type: ignore[method-assign]
        await tap(pilot, "ctrl+p")
        screen = pilot.app.screen
        assert isinstance(screen, PaletteScreen)
        await until(pilot, held.begun.is_set)
        await tap(pilot, *"se", "down")
        chosen = screen._chosen
        assert chosen is not None and held.returned == 0
        held.may_go_on.set()
        await until(pilot, lambda: "second" in rows(screen))
        assert screen._chosen is chosen


async def test_the_rows_of_models_are_bounded(shelf: Path, tmp_path: Path) -> None:
    many = tmp_path / "many"
    for number in range(30):
        (many / f"model{number}").mkdir(parents=True)
        (many / f"model{number}" / "config.json").write_text("{}")
    async with make_app(shelf / "first", model_directories=(str(many),)).run_test(size=SIZE) as pilot:
        await ready(pilot)
        found = rows(await palette(pilot, "many/model1"))
        assert found[0] == "Use model" and len(found) == 1 + OFFERED


async def test_what_is_pasted_is_drawn_safely(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        screen = await palette(pilot)
        pilot.app.post_message(events.Paste("new\x1b]0;title\x07\r\nmore"))
        await pilot.pause()
        field = screen.query_one(Field)
        assert field.value == "new\x1b]0;title\x07"
        assert "new␛]0;title␇" in "".join(segment.text for segment in field.render_line(0))


async def test_a_page_key_that_comes_too_soon_does_no_harm(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=(80, 3)) as pilot:
        await ready(pilot)
        for _ in range(3):
            pilot.app.simulate_key("ctrl+p")
            pilot.app.simulate_key("pagedown")
            await asyncio.sleep(0.05)
            await pilot.press("z", "z", "z", "pagedown", "pageup", "escape")
        await pilot.press("ctrl+q")
    assert pilot.app.return_code == 0
