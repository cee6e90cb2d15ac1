"""What was shown, opened or computed and is left is not kept in memory for ever."""

import gc
import threading
import weakref
from collections import Counter
from pathlib import Path

import pytest
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual._styles_cache import StylesCache
from textual.cache import FIFOCache
from textual.geometry import Region
from textual.pilot import Pilot
from textual.screen import Screen
from textual.strip import Strip

from tests.commit_params import first_of
from tests.tui.conftest import SIZE, app_of, current, make_app, ready, say, until
from tests.tui.story import pane
from tui.services.workspace import WARM
from tui.terminal.textual_internals import OPTIONS
from tui.terminal.textual_patches import ENTRIES
from tui.widgets.story_editor import StoryPane

KINDS = (StylesCache, Screen, Strip)
MOST = {StylesCache: 20, Screen: 3, Strip: 150}  # that five openings of a dialog may leave


def alive() -> Counter[type]:
    """How many there are of what screens are made of."""
    gc.collect()
    return Counter(kind for each in gc.get_objects() for kind in KINDS if isinstance(each, kind))


@pytest.mark.parametrize("keys", first_of([["f1"], ["f3"], ["ctrl+p"], ["f6"], ["ctrl+r"]]))
async def test_a_dialog_that_was_closed_is_gone(tiny_model: Path, keys: list[str]) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)

        async def open_and_close(times: int) -> None:
            for _ in range(times):
                await pilot.press(*keys)
                await pilot.press("escape")

        await open_and_close(2)
        for _ in range(3):
            before = alive()
            await open_and_close(5)
            after = alive()
            more = {kind: after[kind] - before[kind] for kind in KINDS}
            # What is kept by something else grows once, and not each time. One or two are just going.
            if all(more[kind] < most for kind, most in MOST.items()):
                return
        pytest.fail(f"each time there are so many more: {more}")


async def test_lines_that_were_drawn_have_the_caches_that_were_used(tiny_model: Path) -> None:
    def caches(line: Strip) -> list[object]:
        return [each for each in gc.get_referents(line) if isinstance(each, FIFOCache)]

    async with make_app(tiny_model).run_test(size=SIZE):
        line = Strip([Segment("drawn"), Segment(" whole")])
        assert line.cell_length == 11 and caches(line) == []
        part = line.crop(2, 8)
        assert part.text == "awn wh" and line.crop(2, 8) is part
        assert len(caches(line)) == 1
        with pytest.raises(AttributeError, match="no_such"):
            line.no_such  # noqa: B018


async def test_a_list_keeps_the_rows_that_fit_on_a_screen(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        sessions = app_of(pilot).main.sessions
        before = alive()[Strip]  # of all tests
        sessions.set_options([f"Option {number}" for number in range(3 * OPTIONS)])
        for row in range(3 * OPTIONS):
            sessions.render_line(row)
        assert alive()[Strip] - before < 2 * OPTIONS


async def test_lines_that_were_drawn_hold_not_themselves(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE):
        line = Strip([Segment("drawn whole")], 11)
        assert line.divide([4, 11, 20]) is line.divide([4, 11]) and len(line._divide_cache) == 1
        assert [part.text for part in line.divide([4, 11])] == ["draw", "n whole"]
        whole = Strip([Segment("drawn whole")], 11)
        assert list(whole.divide([11])) == [whole] and not whole._divide_cache


async def test_looks_are_remembered_without_what_styles_say_besides(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE):
        for number in range(3):
            style = Style(color="red", bold=True, meta={"marked": number})
            assert Strip.render_ansi(style, ColorSystem.TRUECOLOR) == "1;31"
        del style
        gc.collect()
        assert not [each for each in gc.get_objects() if isinstance(each, Style) and "marked" in each.meta]


@pytest.mark.slow
async def test_a_story_that_is_left_is_gone(tiny_model: Path) -> None:
    """Textual keeps what watches the theme until the theme changes."""
    async with make_app(tiny_model, mode="story").run_test(size=SIZE) as pilot:
        await ready(pilot)
        panes = weakref.WeakSet[StoryPane]()
        for _ in range(20):
            await pilot.press("O", "n", "c", "e", "ctrl+n")
            panes.update(app_of(pilot).main.panes.query(StoryPane))
        await until(pilot, lambda: len(app_of(pilot).main.panes.query(StoryPane)) < 15)
        await pilot.pause()
        gc.collect()
        kept = len(app_of(pilot).main.panes.query(StoryPane))
        assert len(panes) <= kept + 1  # the one that went last may still be on its way


async def test_geometry_is_remembered_by_the_hundred(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE):
        for number in range(ENTRIES + 10):
            assert Region(0, 0, 10, 10).translate_inside(Region(number, 0, 20, 20)) is not None
            assert Region(number, 0, 2, 2).intersection(Region(number, 1, 9, 9)) == Region(number, 1, 2, 1)
        sizes = [method.cache_parameters()["maxsize"] for method in vars(Region).values() if cached(method)]
        assert len(sizes) > 5 and max(sizes) <= 1024
        assert Region.intersection.cache_info().currsize <= ENTRIES  # type: ignore[attr-defined]


def cached(method: object) -> bool:
    return hasattr(method, "cache_parameters")


@pytest.mark.slow
async def test_sessions_left_long_ago_give_their_memory_back(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        sessions = []
        for number in range(WARM + 3):
            await say(pilot, f"message {number}")
            sessions.append(current(pilot))
            await pilot.press("ctrl+n")
        assert [session.engine is not None for session in sessions] == [False] * 3 + [True] * WARM
        await pilot.app.workers.wait_for_complete()
        assert list(app_of(pilot).services.sessions) == [*sessions[3:], current(pilot)]
        app_of(pilot).actions.application.open(sessions[0].id)
        assert current(pilot) is not sessions[0]
        assert [node.text for node in current(pilot).tree.path()] == [node.text for node in sessions[0].tree.path()]
        await say(pilot, "again")
        outcome = current(pilot).tip and current(pilot).tip.outcome
        assert outcome and outcome.reused_tokens and outcome.reused_tokens > 10  # it was kept in a file


@pytest.mark.slow
async def test_a_session_left_long_ago_stays_where_the_database_has_not_all_of_it(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        left = current(pilot)
        await pilot.press("ctrl+n")
        left.unread = True
        for number in range(WARM + 2):
            await say(pilot, f"message {number}")
            await pilot.press("ctrl+n")
        assert left in list(app_of(pilot).services.sessions)
        app_of(pilot).actions.application.open(left.id)
        assert current(pilot) is left and not left.unread


@pytest.mark.slow
async def test_stories_left_long_ago_have_no_widget_and_lose_no_text(tiny_model: Path) -> None:
    async with make_app(tiny_model, mode="story").run_test(size=SIZE) as pilot:
        await ready(pilot)
        first = current(pilot)
        await write(pilot, 0)
        for number in range(1, WARM + 3):
            await pilot.press("ctrl+n")
            await write(pilot, number)
        assert len(app_of(pilot).main.query(StoryPane)) == WARM + 1
        app_of(pilot).actions.application.open(first.id)
        assert pane(pilot).text == "Story 0"
        await pilot.pause()
        assert pane(pilot).text == "Story 0" and pane(pilot).is_attached


async def test_a_story_that_was_just_given_up_is_shown_anew(tiny_model: Path) -> None:
    async with make_app(tiny_model, mode="story").run_test(size=SIZE) as pilot:
        await ready(pilot)
        await write(pilot, 0)
        app, first = app_of(pilot), current(pilot)
        await pilot.press("ctrl+n")
        app.main.keep_stories(app.services.workspace.held - {first.id})
        app.actions.application.open(first.id)
        await pilot.pause()
        assert pane(pilot).text == "Story 0" and pane(pilot).is_attached


async def write(pilot: Pilot[None], number: int) -> None:
    await pilot.press(*f"Story {number}")
    await pilot.pause()


async def test_freed_memory_is_given_back_by_another_thread(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While something happens, too: it takes no time of the interface."""
    threads: list[threading.Thread] = []
    monkeypatch.setattr("tui.app.GIVE_BACK_SECONDS", 0.01)
    monkeypatch.setattr("tui.app.give_back", lambda: threads.append(threading.current_thread()))
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: len(threads) > 1)
    assert threading.main_thread() not in threads
