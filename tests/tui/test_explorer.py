"""The token explorer as a person uses it, on the real engine and on the fake one."""

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList

from tests.tui.conftest import app_of, current, idle, make_app, ready, say, until
from tests.tui.story import pane
from tui.config.themes import find_themes
from tui.screens.explorer import ABOUT, ExplorerScreen
from tui.services.exploration import UNCHANGED
from tui.widgets.explorer.bar_row import bar
from tui.widgets.explorer.spelling import in_text, percent, spelled
from tui.widgets.explorer.token_text import TokenText

SIZES = [(160, 48), (80, 24), (40, 12)]


def screen_of(pilot: Pilot[None]) -> ExplorerScreen:
    screen = app_of(pilot).screen
    assert isinstance(screen, ExplorerScreen)
    return screen


async def explored(pilot: Pilot[None], *keys: str) -> ExplorerScreen:
    """Open the explorer with these keys, and wait until all is read."""
    await pilot.press(*keys)
    await until(pilot, lambda: isinstance(app_of(pilot).screen, ExplorerScreen))
    screen = screen_of(pilot)
    await until(pilot, lambda: screen._exploration.ended and screen._list.option_count)
    await pilot.pause()
    return screen


def tokens(screen: ExplorerScreen) -> list[str]:
    text = screen.query_one(TokenText)
    return [text.render_line(y).text.rstrip() for y in range(text.size.height)]


def heading(screen: ExplorerScreen) -> str:
    return str(screen.query_one("#token-heading").visual)


@pytest.mark.parametrize("size", SIZES)
async def test_tokens_are_walked_and_another_one_is_gone_on_from(real_model: Path, size: tuple[int, int]) -> None:
    async with make_app(real_model, max_tokens=12).run_test(size=size) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        first = current(pilot).tip
        assert first is not None
        screen = await explored(pilot, "escape", "x")
        text, options = screen.query_one(TokenText), screen.query_one(OptionList)
        assert text.size.height >= 2 and text.size.width > 10 and options.size.height >= 1
        beside = screen.query_one("#token-panel").region.x > text.region.x
        assert beside == (size[0] >= 100)
        assert heading(screen).endswith("rank 1") and options.option_count == 10, "greedy"
        await pilot.press("right", "right", "right", "left")
        assert text.chosen == 2
        await pilot.press("enter")
        assert str(screen.query_one("#token-note").visual) == UNCHANGED
        await pilot.press("down", "enter")
        await until(pilot, lambda: app_of(pilot).screen is app_of(pilot).main)
        await idle(pilot)
        tip = current(pilot).tip
        assert tip is not None and current(pilot).tree.place(tip.id) == (2, 2)
        assert tip.token_ids[:2] == first.token_ids[:2] and tip.token_ids[2] != first.token_ids[2]
        assert tip.token_ids[2] == screen._exploration.places[2].likeliest[1][0]
        assert tip.outcome is not None and tip.outcome.reused_tokens == tip.outcome.prompt_tokens - 1


async def test_the_keyboard_reaches_all_tokens_and_the_end(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=(40, 12)) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        screen = await explored(pilot, "escape", "x")
        text, count = screen.query_one(TokenText), len(screen._exploration.texts)
        assert str(screen.query_one("#token-note").visual).startswith(ABOUT[:20])
        await pilot.press("end")
        assert text.chosen == count - 1
        await pilot.press("right", "right")
        assert text.chosen == count and heading(screen) == "‹end› · what could come next"
        await pilot.press("pageup")
        assert text.chosen < count
        await pilot.press("home", "left", "up")
        assert text.chosen == 0
        assert screen._list.highlighted == screen._list.option_count - 1
        await pilot.click(TokenText, offset=(len(in_text(screen._exploration.texts[0])) + 1, 0))
        assert text.chosen == 1
        await pilot.press("escape")
        assert app_of(pilot).screen is app_of(pilot).main and current(pilot).tree.place(
            current(pilot).tree.tip or ""
        ) == (
            1,
            1,
        )


async def test_a_story_is_explored_at_its_cursor_and_branches_there(real_model: Path) -> None:
    async with make_app(real_model, max_tokens=8, mode="story").run_test(size=SIZES[1]) as pilot:
        await ready(pilot)
        await pilot.press(*"Once", "f5")
        await until(pilot, lambda: current(pilot).reply is None and len(current(pilot).tree) == 2)
        before = pane(pilot).text
        screen = await explored(pilot, "ctrl+l")
        await pilot.press("right", "down", "enter")
        await until(pilot, lambda: app_of(pilot).screen is app_of(pilot).main)
        await until(pilot, lambda: current(pilot).reply is None)
        await pilot.pause()
        told = "".join(node.text for node in current(pilot).tree.path())
        assert pane(pilot).text == told != before
        assert told.startswith("Once" + screen._exploration.texts[0])
        await pilot.press("ctrl+z", "ctrl+z")
        await until(pilot, lambda: pane(pilot).text == before)


@pytest.mark.parametrize("theme", sorted(find_themes()[0]))
async def test_how_probable_a_token_was_is_seen_in_every_theme(tiny_model: Path, theme: str) -> None:
    async with make_app(tiny_model, theme=theme).run_test(size=SIZES[1]) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        screen = await explored(pilot, "escape", "x")
        text = screen.query_one(TokenText)
        styles = [text.get_component_styles(f"token--{name}").partial_rich_style for name in ("likely", "possible")]
        styles += [text.get_component_styles(f"token--{name}").partial_rich_style for name in ("unlikely", "rare")]
        assert len(set(styles)) == 4
        chosen = text._style(0)
        assert chosen != text._style(1)
        if theme == "terminal":
            assert len({(style.bold, style.underline, style.italic) for style in styles}) == 4
            assert chosen.reverse


async def test_without_colours_tokens_are_marked(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with make_app(tiny_model).run_test(size=SIZES[1]) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        screen = await explored(pilot, "escape", "x")
        text = screen.query_one(TokenText)
        assert text._style(0).reverse and text._style(1) != text._style(0)
        rare = text.get_component_styles("token--rare").partial_rich_style
        assert rare.underline and rare.bold


def test_tokens_are_spelled_so_that_each_can_be_seen() -> None:
    assert spelled(" the\n") == "·the↵" and spelled("") == "▫" and spelled("\x1b]0;x\x07") == "␛]0;x␇"
    assert in_text("a\n\tb") == "a↵\n    b" and in_text("") == "▫" and "\x1b" not in in_text("\x1b[2J")
    assert [percent(p) for p in (1, 0.1234, 0.00051, 0.0000001)] == ["100.0 %", "12.3 %", "0.051 %", "~0 %"]


def test_bars_are_as_long_as_the_share() -> None:
    assert [bar(share, 4) for share in (0, 1, 0.5, 0.53125, 2)] == ["", "████", "██", "██▏", "████"]
