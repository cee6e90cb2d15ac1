"""Lines are as long as can be read, and what does not fit is left out as a whole, not cut."""

from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.tui.conftest import app_of, make_app, ready, shown
from tests.tui.story import pane
from tui.screens.chat_view import GREETING, WELCOME
from tui.widgets.story_editor import WIDEST
from tui.widgets.transcript.styles import fitted


@pytest.mark.parametrize("lines", [GREETING, WELCOME])
@pytest.mark.parametrize("width", [1, 8, 30, 40, 62, 70, 100, 220])
@pytest.mark.parametrize("height", [0, 1, 2, 4, 7, 12, 48])
def test_what_is_shown_of_the_welcome_is_whole(lines: tuple[str, ...], width: int, height: int) -> None:
    rows = fitted(lines, width, height)
    assert all(cell_len(row) <= width for row in rows)
    words = " ".join(rows).split()
    whole = " ".join(lines).split()
    if width >= 30:
        assert words == whole[len(whole) - len(words) :]  # the last ones, whole
        assert len(rows) <= max(height, len(fitted(lines[-1:], width, 1)))
    if width >= 80 and height >= len(lines):
        assert rows == list(lines)


@pytest.mark.parametrize(("columns", "rows"), [(40, 12), (80, 24), (160, 48)])
async def test_the_welcome_on_a_screen(tiny_model: Path, columns: int, rows: int) -> None:
    async with make_app(tiny_model).run_test(size=(columns, rows)) as pilot:
        await ready(pilot)
        text = " ".join(" ".join(shown(pilot)).split())
        assert "Ctrl+T story" in text and "Ctrl+N new session" in text and text.endswith("F1 keys and help")


@pytest.mark.parametrize("columns", [40, 100, 220])
async def test_a_story_is_a_column_that_can_be_read(story_only_model: Path, columns: int) -> None:
    async with make_app(story_only_model, mode="story").run_test(size=(columns, 30)) as pilot:
        await ready(pilot)
        text = "word " * 200 + "\n" + "漢字" * 200 + "\n" + "x" * 500
        pane(pilot).load(text)
        await pilot.pause()
        lines = [pane(pilot).render_line(y).text.rstrip() for y in range(pane(pilot).size.height)]
        width = min(WIDEST, pane(pilot).size.width)
        assert width - 5 <= max(map(cell_len, lines)) <= width
        wrapped = pane(pilot).wrapped_document
        assert all(cell_len(part) <= min(WIDEST, columns) for line in wrapped.lines for part in line)
        pane(pilot).insert("more " * 100)
        assert all(cell_len(part) <= min(WIDEST, columns) for line in wrapped.lines for part in line)
        assert app_of(pilot).is_running
