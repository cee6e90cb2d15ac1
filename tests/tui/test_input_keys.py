"""Keys of the input that act on all of it, or on the messages above it."""

from pathlib import Path

import pytest

from tests.tui.composing import asked, composer, paste
from tests.tui.conftest import app_of, make_app, ready, say

SIZE = (60, 14)


async def test_page_keys_scroll_the_messages_while_the_input_is_focused(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        for number in range(6):
            await say(pilot, f"message {number}")
        transcript = app_of(pilot).main.transcript
        end = transcript.scroll_offset.y
        await pilot.press("pageup")
        above = transcript.scroll_offset.y
        assert above < end and composer(pilot).has_focus
        await pilot.press("pagedown", "pagedown")
        assert transcript.scroll_offset.y == end and composer(pilot).has_focus


async def test_page_keys_do_nothing_where_all_is_in_sight(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"half", "pageup", *" a thought", "pagedown")
        assert composer(pilot).text == "half a thought"


async def test_one_key_clears_the_input_and_undo_brings_it_back(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"one", "ctrl+j", *"two", "up", "ctrl+u")
        assert composer(pilot).text == ""
        await pilot.press("ctrl+z")
        assert composer(pilot).text == "one\ntwo"
        await pilot.press("enter")
        assert asked(pilot) == ["one\ntwo"]


async def test_a_long_paste_that_was_cleared_comes_back_whole(tiny_model: Path) -> None:
    text = "\n".join(f"line {number}" for number in range(60))
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await paste(pilot, text)
        await pilot.press("ctrl+u")
        assert composer(pilot).whole == ""
        await pilot.press("ctrl+z")
        assert composer(pilot).whole == text


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (160, 48)])
async def test_there_is_room_for_what_is_typed(tiny_model: Path, size: tuple[int, int]) -> None:
    async with make_app(tiny_model).run_test(size=size) as pilot:
        await ready(pilot)
        await pilot.press(*"hello")
        assert composer(pilot).size.height == 1
        assert composer(pilot).render_line(0).text.startswith("hello")
