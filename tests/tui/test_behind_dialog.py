"""What lies behind a dialog is drawn once, and again when it changes; styles of components are made when asked for."""

from collections.abc import Callable

import pytest
from textual.css.styles import RenderStyles
from textual.pilot import Pilot
from textual.renderables.background_screen import BackgroundScreen
from textual.strip import Strip

from tests.tui.conftest import app_of, current, make_app, ready, until
from tui.terminal.behind_dialog import pictures
from tui.terminal.component_styles import ComponentStyles
from tui.widgets.session_list import SessionList


def kept(pilot: Pilot[None]) -> list[Strip]:
    """The picture of the main screen that the dialog was painted with last; none while it is to be painted anew."""
    return pictures.get(app_of(pilot).main, (None, []))[1]


def drawn_by_textual(pilot: Pilot[None]) -> list[Strip]:
    """The same as Textual draws it."""
    app = app_of(pilot)
    base, color = app.screen.visual_style.rich_style, app.screen.styles.background
    rows = app.main._compositor.render_strips()
    return [Strip(BackgroundScreen.process_segments(row, color)).apply_style(base) for row in rows]


def write(pilot: Pilot[None]) -> None:
    app_of(pilot).main.composer.text = "an unsent text"


def resize(pilot: Pilot[None]) -> None:
    app_of(pilot).main.query_one("#sidebar").display = False


def change_theme(pilot: Pilot[None]) -> None:
    app_of(pilot).theme = "nord"


@pytest.mark.parametrize("change", [write, resize, change_theme])
@pytest.mark.parametrize("key", ["f1", "f6"])
async def test_what_changes_behind_a_dialog_is_seen(
    tiny_model: object, key: str, change: Callable[[Pilot[None]], None]
) -> None:
    async with make_app(tiny_model).run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        await pilot.press(key)
        await pilot.pause()
        before = kept(pilot)
        assert before == drawn_by_textual(pilot)
        change(pilot)
        await until(pilot, lambda: kept(pilot) not in ([], before))
        await until(pilot, lambda: kept(pilot) == drawn_by_textual(pilot))


async def test_what_does_not_change_is_drawn_once(tiny_model: object) -> None:
    async with make_app(tiny_model).run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        await until(pilot, lambda: current(pilot).figures.context_used is not None)  # which the status bar tells
        await pilot.press("f1")
        await pilot.pause()
        before = kept(pilot)
        await pilot.press(*"stop", "down", "down")
        await pilot.pause()
        assert kept(pilot) is before


async def test_styles_of_components_follow_theme_and_focus(tiny_model: object) -> None:
    def highlighted(sessions: SessionList) -> RenderStyles:
        return sessions.get_component_styles("option-list--option-highlighted")

    async with make_app(tiny_model).run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        sessions = app_of(pilot).main.query_one(SessionList)
        apart = highlighted(sessions).background
        await pilot.press("ctrl+o")
        await pilot.pause()
        focused = highlighted(sessions).background
        change_theme(pilot)
        await pilot.pause()
        assert len({apart, focused, highlighted(sessions).background}) == 3
        made = sessions._component_styles
        assert isinstance(made, ComponentStyles) and "option-list--separator" not in list(made)
        with pytest.raises(KeyError, match="option-list--nothing"):
            sessions.get_component_styles("option-list--nothing")
