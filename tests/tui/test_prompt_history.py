"""The prompt history, with ↑ and ↓ and with Ctrl+R."""

from pathlib import Path

from textual.widgets import OptionList

from tests.stubs.conversations import answered, save
from tests.tui.answers import talk
from tests.tui.composing import composer
from tests.tui.conftest import SIZE, app_of, make_app, ready, say
from tui.config.settings import load_settings
from tui.conversation.conversation import Conversation
from tui.storage.store import Store


async def test_up_and_down_walk_what_was_written_before(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        for text in ("one", "two", "two"):
            await say(pilot, text)
        await pilot.press(*"draft", "ctrl+j", *"of two lines")
        await pilot.press("up")
        assert composer(pilot).text == "draft\nof two lines"  # only the cursor went up
        seen = []
        for key in ("up", "up", "up", "down", "down"):
            await pilot.press(key)
            seen.append(composer(pilot).text)
        assert seen == ["two", "one", "one", "two", "draft\nof two lines"]


async def test_ctrl_r_searches_what_was_written_before(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        for text in ("apple pie", "apple juice", "pear"):
            await say(pilot, text)
        await pilot.press("ctrl+r", *"APP")
        found = app_of(pilot).screen.query_one(OptionList)
        assert [str(option.prompt) for option in found.options] == ["apple juice", "apple pie"]
        await pilot.press("ctrl+r", "enter")
        assert composer(pilot).text == "apple pie"
        await pilot.press("ctrl+r", *"zzz", "enter")
        assert composer(pilot).text == "apple pie"


async def test_a_long_prompt_takes_one_row_that_shows_what_was_searched(tiny_model: Path) -> None:
    conversation = Conversation()
    answered(conversation, "word " * 300 + "needle " + "word " * 300, "yes")
    answered(conversation, "short", "yes")
    save(conversation)
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("ctrl+r")
        found = app_of(pilot).screen.query_one(OptionList)
        assert found.virtual_size.height == found.option_count
        assert any(found.render_line(y).text.rstrip().endswith("…") for y in range(found.option_count))
        await pilot.press(*"needle")
        assert "needle" in found.render_line(0).text


def test_what_was_written_is_read_newest_first_each_text_once(tiny_model: Path) -> None:
    talk("a", "b")
    talk("c")
    store = Store(load_settings().db)
    assert store.typed(10) == ["question 0", "question 1"]
    assert store.typed(1) == ["question 0"]
    store.close()
