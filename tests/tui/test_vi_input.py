"""vi's keys in the input, by choice."""

from pathlib import Path

from tests.tui.composing import asked, composer
from tests.tui.conftest import app_of, current, idle, make_app, ready, say

SIZE = (60, 14)


async def test_escape_begins_commands_and_sending_ends_them(tiny_model: Path) -> None:
    async with make_app(tiny_model, vi_keys=True).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"hello brave world", "escape", *"bbdw")
        assert composer(pilot).text == "hello world" and composer(pilot).has_focus
        assert composer(pilot).has_class("-commands") and "vi commands" in str(composer(pilot).border_subtitle)
        await pilot.press("ctrl+r", "u")
        assert composer(pilot).text == "hello brave world"
        await pilot.press("enter")
        await idle(pilot)
        assert asked(pilot) == ["hello brave world"]
        await pilot.press(*"dd")
        assert composer(pilot).text == "dd" and not composer(pilot).has_class("-commands")


async def test_a_second_escape_goes_to_the_messages(tiny_model: Path) -> None:
    async with make_app(tiny_model, vi_keys=True).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        await pilot.press("x", "escape", "d", "escape")
        assert composer(pilot).has_focus  # it took back the d
        await pilot.press("escape")
        assert app_of(pilot).main.transcript.has_focus


async def test_the_first_escape_leaves_a_reply_alone(talkative_model: Path) -> None:
    async with make_app(talkative_model, vi_keys=True, max_tokens=None).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"go", "enter", *"ahead", "escape")
        assert current(pilot).reply is not None and not current(pilot).reply.cancelled
        await pilot.press("escape")
        await idle(pilot)
        assert composer(pilot).text == "ahead"


async def test_without_the_setting_keys_type(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"dd", "escape")
        assert composer(pilot).text == "dd" and not composer(pilot).has_focus
