"""Lines are as long as can be read, and what does not fit is left out as a whole, not cut."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.stubs.conversations import save
from tests.tui.conftest import app_of, current, make_app, ready, say, shown, until
from tests.tui.story import pane
from tui.config.keymap import KEYMAP, first_labels
from tui.conversation.conversation import Conversation
from tui.markdown.row import Row
from tui.screens.chat_view import GREETING, KEYS, WELCOME
from tui.widgets.sidebar import BESIDE, NARROWEST
from tui.widgets.sidebar import WIDEST as WIDEST_SIDEBAR
from tui.widgets.story_editor import WIDEST
from tui.widgets.transcript.welcome import FACE, Welcome, welcome_rows

GREETED = GREETING._replace(keys=tuple((first_labels(KEYMAP)[action], effect) for action, effect in KEYS.items()))
OTHER = WELCOME._replace(title="a model", keys=GREETED.keys, note="2 later messages hidden")


def words(rows: Iterable[Row]) -> str:
    """The text without the face."""
    face = str.maketrans("", "", "".join(FACE).replace(" ", ""))
    return " ".join(" ".join(row.text for row in rows).translate(face).split())


@pytest.mark.parametrize("welcome", [GREETED, OTHER])
@pytest.mark.parametrize("width", [8, 30, 37, 62, 90])
@pytest.mark.parametrize("height", [0, 1, 4, 5, 7, 12, 48])
def test_what_is_shown_of_the_welcome_fits(welcome: Welcome, width: int, height: int) -> None:
    rows = welcome_rows(welcome, width, height)
    assert len(rows) <= height and all(cell_len(row.text) <= max(width, 10) for row in rows)
    text = words(rows)
    if width >= 30 and height >= 7:
        assert welcome.ask in text and all(f"{key} {effect}" in text for key, effect in welcome.keys)
        assert welcome.note in text
    if width >= 30 and height >= 5:
        assert f"{welcome.ask}." in text or f"{welcome.ask}, for example: {welcome.example}" in text
    if width >= 62 and height >= 14:
        assert welcome.about in text and rows[0].text.startswith(FACE[0])


def test_the_welcome_is_one_block() -> None:
    rows = welcome_rows(GREETED, 90, 40)
    beside = {row.text.index(words) for row in rows for words in ("guide", "A small") if words in row.text}
    effects = {row.text.index(effect) for row in rows for _, effect in GREETED.keys if effect in row.text}
    assert len(beside) == len(effects) == 1


@pytest.mark.parametrize(("columns", "rows"), [(40, 12), (80, 24), (160, 48)])
async def test_the_welcome_on_a_screen(tiny_model: Path, columns: int, rows: int) -> None:
    async with make_app(tiny_model).run_test(size=(columns, rows)) as pilot:
        await ready(pilot)
        text = " ".join(" ".join(shown(pilot)).split())
        assert text.endswith("F1 keys and help") and "Ctrl+T write a story" in text and "press Enter" in text


async def test_the_keys_of_the_welcome_are_the_users(tiny_model: Path) -> None:
    async with make_app(tiny_model, keys={"toggle_mode": "f11"}).run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        text = " ".join(" ".join(shown(pilot)).split())
        assert "F11 write a story" in text and "Ctrl+T" not in text


@pytest.mark.parametrize("columns", [40, 100, 160, 220])
async def test_chat_and_input_share_a_column(tiny_model: Path, columns: int) -> None:
    async with make_app(tiny_model).run_test(size=(columns, 30)) as pilot:
        await ready(pilot)
        current(pilot).tree.add("user", "word " * 100)
        app_of(pilot).presenter.show()
        await pilot.pause()
        transcript, composer = app_of(pilot).main.transcript, app_of(pilot).main.composer
        text = transcript.region.x + shown(pilot)[2].index("word")
        assert text == composer.content_region.x
        assert 0 <= composer.content_region.right - text - max(cell_len(line.strip("▎ ")) for line in shown(pilot)) < 6


async def test_own_messages_have_a_bar_and_a_tint(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        transcript = app_of(pilot).main.transcript
        marked = [line for line in shown(pilot) if line.startswith("▎")]
        assert [line.strip("▎ ") for line in marked] == ["You", "hello"]
        behind = [list(transcript.render_line(y))[-2].style.bgcolor for y in range(6)]
        assert behind[0] == behind[1] != behind[3] == transcript.rich_style.bgcolor


@pytest.mark.parametrize(("title", "width"), [("x", NARROWEST), ("x" * 24, 24 + BESIDE), ("東" * 30, WIDEST_SIDEBAR)])
async def test_the_sidebar_is_as_wide_as_its_titles(tiny_model: Path, title: str, width: int) -> None:
    save(Conversation(title=title, model=str(tiny_model)))
    async with make_app(tiny_model).run_test(size=(160, 30)) as pilot:
        await ready(pilot)
        await until(pilot, lambda: app_of(pilot).main.sidebar.outer_size.width == width)


@pytest.mark.parametrize("columns", [40, 100, 220])
async def test_a_story_is_a_column_that_can_be_read(story_only_model: Path, columns: int) -> None:
    async with make_app(story_only_model, mode="story").run_test(size=(columns, 30)) as pilot:
        await ready(pilot)
        text = "word " * 200 + "\n" + "漢字" * 200 + "\n" + "x" * 500
        pane(pilot).load(text)
        await pilot.pause()
        lines = [pane(pilot).render_line(y).text.rstrip() for y in range(pane(pilot).size.height)]
        width = min(WIDEST, pane(pilot).size.width)
        assert width - 5 <= max(cell_len(line.strip()) for line in lines) <= width
        wrapped = pane(pilot).wrapped_document
        assert all(cell_len(part) <= min(WIDEST, columns) for line in wrapped.lines for part in line)
        pane(pilot).insert("more " * 100)
        assert all(cell_len(part) <= min(WIDEST, columns) for line in wrapped.lines for part in line)
        assert app_of(pilot).is_running
