"""Scrolling, taking back and small panes, as the real program has them: nothing of it ends the program."""

from pathlib import Path

import pytest
from textual.geometry import Offset

from tests.attack.walking import FULL, Walker, long_talk
from tests.commit_params import first_of
from tests.stubs.conversations import save
from tests.tui.composing import composer, paste
from tests.tui.conftest import app_of, idle, make_app, ready, until
from tests.tui.story import pane
from tui.conversation.conversation import Mode
from tui.widgets.safe_text_area import Editor

SIZE = (80, 24)


@pytest.mark.parametrize("key", first_of(["pageup", "pagedown", "home", "end", "up"]))
async def test_keys_scroll_the_messages(tiny_model: Path, key: str) -> None:
    save(*long_talk())
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        app_of(pilot).actions.application.open(FULL)
        await pilot.pause()
        transcript = app_of(pilot).main.transcript
        await pilot.press("escape", *["g", "pagedown"] * (key != "pagedown"))
        transcript.scroll_to(y=60, immediate=True)
        await pilot.press(key)
        await pilot.press(key)
        assert transcript.scroll_y != 60 and app_of(pilot).is_running


async def test_a_page_up_goes_up_by_a_page(tiny_model: Path) -> None:
    save(*long_talk())
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        app_of(pilot).actions.application.open(FULL)
        await pilot.press("escape", "pageup")
        transcript = app_of(pilot).main.transcript
        assert transcript.max_scroll_y - transcript.scroll_y == transcript.size.height


async def test_the_scroll_bar_of_the_messages_is_clicked_and_dragged(tiny_model: Path) -> None:
    save(*long_talk())
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        walker = Walker(pilot)
        app_of(pilot).actions.application.open(FULL)
        await walker.settle()
        transcript = app_of(pilot).main.transcript
        await until(pilot, lambda: 0 < transcript.max_scroll_y == transcript.scroll_y)
        bar = transcript.vertical_scrollbar.region
        end = transcript.scroll_y
        await walker.click([Offset(bar.x, bar.y + 1)])
        await until(pilot, lambda: transcript.scroll_y < end)
        await walker.drag([Offset(bar.x, bar.bottom - 2), Offset(bar.x, bar.y + 5), bar.offset])
        assert transcript.scroll_y < end


@pytest.mark.parametrize("mode", ["chat", "story"])
@pytest.mark.parametrize("lines", first_of([60, 1, 30, 400]))
async def test_a_long_paste_is_taken_back_and_brought_again(tiny_model: Path, mode: Mode, lines: int) -> None:
    text = "\n".join(f"line {number}" for number in range(lines))
    async with make_app(tiny_model, mode=mode).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"ab")
        await paste(pilot, text)
        editor: Editor = pane(pilot) if mode == "story" else composer(pilot)
        await pilot.press("ctrl+l")
        assert editor.text == f"ab{text}"
        await pilot.press("ctrl+z")
        assert editor.text == "ab" if mode == "story" else editor.text.startswith("ab")
        await pilot.press("ctrl+z")
        await pilot.press("ctrl+y", "ctrl+y", "ctrl+y")
        assert editor.text == f"ab{text}"
        assert drawn_as_a_new_one(editor)


def drawn_as_a_new_one(editor: Editor) -> bool:
    """Whether its lines are broken where they would be, were the text new."""
    wrapped = editor.wrapped_document
    kept = (wrapped._wrap_offsets, wrapped._offset_to_line_info, wrapped._line_index_to_offsets)
    wrapped.wrap(editor.wrap_width, editor.indent_width)
    return kept == (wrapped._wrap_offsets, wrapped._offset_to_line_info, wrapped._line_index_to_offsets)


async def test_two_continuations_are_taken_back(talkative_model: Path) -> None:
    async with make_app(talkative_model, max_tokens=200, mode="story").run_test(size=(40, 12)) as pilot:
        await ready(pilot)
        await pilot.press(*"Once", "f5")
        await idle(pilot)
        await pilot.press("f5")
        await idle(pilot)
        assert pane(pilot).show_vertical_scrollbar  # that goes with the text
        await pilot.press("ctrl+z", "ctrl+z")
        assert pane(pilot).text == "Once"
        assert drawn_as_a_new_one(pane(pilot))


async def test_edits_at_several_places_are_one_step(tiny_model: Path) -> None:
    """What was inserted at the beginning and deleted at the end, in one step: each place counts at its own time."""
    async with make_app(tiny_model, mode="story").run_test(size=SIZE) as pilot:
        await ready(pilot)
        editor = pane(pilot)
        editor.load("\n".join("abcdefghij"))
        editor.history.join()
        editor.delete((7, 0), (9, 1))
        editor.insert("one\ntwo\nthree\n" + "word " * 60, (0, 0))
        editor.delete((2, 0), (4, 1))
        editor.history.part()
        after = editor.text
        for _ in range(2):
            editor.undo()
            assert editor.text == "\n".join("abcdefghij") and drawn_as_a_new_one(editor)
            editor.redo()
            assert editor.text == after and drawn_as_a_new_one(editor)


ODD_SIZES = [(0, 0), (6, 6), (1, 1), (80, 1), (2, 24), (4, 24), (8, 24), (80, 0), (300, 100)]


@pytest.mark.parametrize("size", first_of(((size,) for size in ODD_SIZES), 2))
async def test_a_pane_of_any_size_is_lived_through(tiny_model: Path, size: tuple[int, int]) -> None:
    """From the start, and while a reply is written."""
    async with make_app(tiny_model, max_tokens=20).run_test(size=size) as pilot:
        await ready(pilot)
        await pilot.press(*"hello", "enter")
        await pilot.resize_terminal(*SIZE)
        await pilot.resize_terminal(*size)
        await idle(pilot)
        for keys in (["ctrl+p"], ["f6"], ["ctrl+t"], ["f3"], ["f4"], ["f1"]):
            await pilot.press(*keys, "a")
            await pilot.resize_terminal(*SIZE)
            await pilot.resize_terminal(*size)
            await pilot.press("escape")
        assert app_of(pilot).is_running and app_of(pilot)._exception is None


@pytest.mark.parametrize("key", first_of(["page_up", "page_down", "first", "last", "cursor_up", "cursor_down"]))
async def test_keys_in_a_list_that_has_no_room(tiny_model: Path, key: str) -> None:
    """As when it has the focus on a screen so small that it is not shown."""
    save(*long_talk())
    async with make_app(tiny_model).run_test(size=(40, 12)) as pilot:
        await ready(pilot)
        app, sessions = app_of(pilot), app_of(pilot).main.sidebar.sessions
        app.main.sidebar.list(app.services.sessions.lines(), FULL, True)
        sessions.highlighted = 3
        assert not sessions.scrollable_content_region
        await sessions.run_action(key)
        assert app.is_running
