"""Two replies side by side in the app, with the real engine: each is what it would be alone."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.tui.composing import composer
from tests.tui.conftest import app_of, current, idle, make_app, ready, say, until
from tui.actions.comparison import HOW_MANY
from tui.screens.comparison import ComparisonScreen
from tui.widgets.dialog_frame import DialogFrame
from tui.widgets.transcript.transcript import Transcript

SIZES = [(160, 48), (80, 24), (40, 12)]


def screen_of(pilot: Pilot[None]) -> ComparisonScreen:
    screen = app_of(pilot).screen
    assert isinstance(screen, ComparisonScreen)
    return screen


def shown_by(panes: Sequence[Transcript]) -> str:
    return " ".join(pane.render_line(y).text for pane in panes for y in range(pane.size.height))


async def compared(pilot: Pilot[None], command: str) -> ComparisonScreen:
    """Compare, and wait for both replies."""
    composer(pilot).put(command)
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app_of(pilot).screen, ComparisonScreen))
    screen = screen_of(pilot)
    await until(pilot, lambda: screen._comparison.ended)
    return screen


@pytest.mark.parametrize("size", SIZES)
async def test_two_replies_are_read_and_one_is_chosen(tiny_model: Path, size: tuple[int, int]) -> None:
    async with make_app(tiny_model, max_tokens=8).run_test(size=size) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        await idle(pilot)
        alone = current(pilot).tip
        assert alone is not None
        screen = await compared(pilot, "/compare top-k=1")
        assert str(screen.query_one(DialogFrame).border_title) == "2 replies"
        sides = screen._comparison.sides
        texts = [side.node.text if side.node else "" for side in sides]
        assert texts == [alone.text] * 2, "at temperature 0 each is what it is alone"
        assert [side.node.token_ids if side.node else () for side in sides] == [alone.token_ids] * 2
        panes = list(screen.query(Transcript))
        assert all(pane.size.height > 1 and pane.size.width > 10 for pane in panes)
        assert any(word in shown_by(panes) for word in alone.text.split()), "at 40x12 its end"
        beside = panes[0].region.y == panes[1].region.y
        assert beside == (size[0] >= 100)
        await pilot.press("2")
        await until(pilot, lambda: app_of(pilot).screen is app_of(pilot).main)
        tip = current(pilot).tip
        assert tip is not None and tip.text == alone.text and current(pilot).tree.place(tip.id) == (3, 3)
        engine = current(pilot).engine
        assert engine is not None
        rows_before = engine.model.counters.rows
        await pilot.press("escape", "escape")
        await say(pilot, "more")
        await idle(pilot)
        after = current(pilot).tip
        assert after is not None and after.outcome is not None
        known = after.outcome.prompt_tokens - after.outcome.reused_tokens
        assert engine.model.counters.rows - rows_before == known + after.outcome.generated_tokens - 1


async def test_what_was_typed_is_asked_and_stays_when_it_is_cancelled(tiny_model: Path) -> None:
    async with make_app(tiny_model, max_tokens=8).run_test(size=SIZES[1]) as pilot:
        await ready(pilot)
        app_of(pilot).actions.comparison.compare()
        assert current(pilot).notice.startswith("Type a question first")
        composer(pilot).put("hello")
        app_of(pilot).actions.comparison.compare_with("temperature=1")
        await until(pilot, lambda: isinstance(app_of(pilot).screen, ComparisonScreen))
        await pilot.press("escape")
        await until(pilot, lambda: app_of(pilot).screen is app_of(pilot).main)
        assert composer(pilot).text == "hello" and not len(current(pilot).tree)
        await until(pilot, lambda: not app_of(pilot).services.replies.replying)
        assert not len(current(pilot).tree)


async def test_a_misspelt_setting_is_not_taken_for_a_model(tiny_model: Path) -> None:
    async with make_app(tiny_model, max_tokens=8).run_test(size=SIZES[1]) as pilot:
        await ready(pilot)
        composer(pilot).put("hello")
        app_of(pilot).actions.comparison.compare_with("temprature=0")
        await until(pilot, lambda: bool(current(pilot).notice))
        assert current(pilot).notice == "Unknown setting temprature; did you mean temperature?"
        app_of(pilot).actions.comparison.compare_with("heat=0")
        await until(pilot, lambda: current(pilot).notice == "Unknown setting heat; F6 lists them.")
        app_of(pilot).actions.comparison.compare_with("no/model")
        await until(pilot, lambda: current(pilot).notice.startswith("no/model is neither"))


@pytest.mark.parametrize("size", SIZES)
async def test_several_replies_grow_beside_each_other(real_model: Path, size: tuple[int, int]) -> None:
    async with make_app(real_model, max_tokens=8).run_test(size=size) as pilot:
        await ready(pilot)
        current(pilot).change_settings({"sampling": {"temperature": 1.0, "seed": 5}})
        await say(pilot, "hello")
        await idle(pilot)
        await pilot.press("escape", "3", "R")
        await until(pilot, lambda: isinstance(app_of(pilot).screen, ComparisonScreen))
        screen = screen_of(pilot)
        await until(pilot, lambda: screen._comparison.ended)
        sides = screen._comparison.sides
        texts = [side.node.text if side.node else "" for side in sides]
        assert len(texts) == 3 and all(texts)
        first = current(pilot).tip
        assert first is not None and texts[0] == first.text, "the same seed as before"
        panes = list(screen.query(Transcript))
        assert all(pane.size.height >= 3 and pane.size.width > 10 for pane in panes)
        assert "hello" not in shown_by(panes), "the question is the same for all"
        await pilot.press("9", "2")
        await until(pilot, lambda: app_of(pilot).screen is app_of(pilot).main)
        tip = current(pilot).tip
        assert tip is not None and tip.text == texts[1] and current(pilot).tree.place(tip.id) == (4, 4)


async def test_replies_of_which_none_was_chosen_are_versions(real_model: Path) -> None:
    async with make_app(real_model, max_tokens=4).run_test(size=SIZES[1]) as pilot:
        await ready(pilot)
        current(pilot).change_settings({"sampling": {"temperature": 1.0}})
        await say(pilot, "hello")
        await idle(pilot)
        screen = await compared(pilot, "/alternatives 2")
        await pilot.press("escape")
        await until(pilot, lambda: app_of(pilot).screen is app_of(pilot).main)
        assert screen._comparison.ended
        tree = current(pilot).tree
        assert tree.place(tree.tip or "") == (1, 3)
        assert current(pilot).notice == "2 replies are kept as versions; ] on the reply shows the next."


async def test_a_digit_in_the_messages_is_text_unless_the_key_for_several_replies_follows(tiny_model: Path) -> None:
    async with make_app(tiny_model, max_tokens=4).run_test(size=SIZES[1]) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        await idle(pilot)
        for keys, text in ((["3", " ", "k"], "3 k"), (["2", "j"], "2j"), (["4"], "4"), (["5", "backspace", "6"], "6")):
            await pilot.press("escape", *keys)
            await until(pilot, lambda text=text: composer(pilot).text == text)
            composer(pilot).put("")
        await pilot.press("escape", "7", "enter")
        await until(pilot, lambda: current(pilot).tree.path()[-2].text == "7")
        await idle(pilot)
        await pilot.press("escape", "1", "R")
        assert current(pilot).notice == HOW_MANY
