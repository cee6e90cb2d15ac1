"""What the mouse selects in messages is what was written there, and stays that."""

from pathlib import Path

import pytest
from textual.geometry import Offset
from textual.pilot import Pilot
from textual.selection import SELECT_ALL, Selection

from tests.tui.answers import read, talk
from tests.tui.conftest import SIZE, app_of, current, make_app, ready, shown, tap, until
from tui.widgets.transcript.message import written

CODE = "See:\n\n```py\ndef f():\n\tif x:\n\n\t\treturn 1\n\n\n    a\t= 2\n```\n\nThat is all."


def select(pilot: Pilot[None], start: Offset | None, end: Offset | None) -> str:
    screen = app_of(pilot).main
    screen.selections = {screen.transcript: Selection(start, end)}
    return screen.get_selected_text() or ""


def place(pilot: Pilot[None], words: str) -> Offset:
    """Where on the screen these words are."""
    transcript = app_of(pilot).main.transcript
    for y, line in enumerate(shown(pilot)):
        if words in line:
            return Offset(line.index(words), y + transcript.content_region.y - transcript.region.y)
    raise AssertionError(words)


async def test_tabs_and_blank_lines_of_code_are_kept(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await read(pilot, talk(CODE))
        text = select(pilot, Offset(0, 0), Offset(200, 200))
        assert "def f():\n\tif x:\n\n\t\treturn 1\n\n\n    a\t= 2\n" in text
        assert text.endswith("That is all.")


async def test_tabs_and_blank_lines_of_what_was_typed_are_kept(tiny_model: Path) -> None:
    typed = "\tone\n\n\n\ttwo\tthree " + "long words " * 20 + "\n\nend"
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        current(pilot).tree.add("user", typed)
        app_of(pilot).presenter.show()
        await pilot.pause()
        text = select(pilot, Offset(0, 0), Offset(200, 200))
        assert text == "You\n" + typed.replace(" \n", "\n")


async def test_a_part_of_a_line_is_a_part(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await read(pilot, talk("one two three\n\nfour five"))
        transcript = app_of(pilot).main.transcript
        y = place(pilot, "one two three").y - 1 + transcript.scroll_offset.y
        assert select(pilot, Offset(4, y), Offset(7, y)) == "two"
        assert select(pilot, Offset(4, y), Offset(4, y + 2)) == "two three\n\nfour"


async def test_it_does_not_grow_while_a_reply_streams(talkative_model: Path) -> None:
    async with make_app(talkative_model, max_tokens=400).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await tap(pilot, *"hello", "enter")
        await until(pilot, lambda: current(pilot).tip and len(current(pilot).tip.text) > 40)
        text = select(pilot, None, None)
        length = len(current(pilot).tip.text)
        await until(pilot, lambda: len(current(pilot).tip.text) > length + 200 or not current(pilot).reply)
        await pilot.pause()
        after = app_of(pilot).main.get_selected_text() or ""
        assert text and after.startswith(text) and len(after) <= len(text) + 100  # what came in its last row at most


async def click(pilot: Pilot[None], words: str, times: int) -> str:
    transcript = app_of(pilot).main.transcript
    await pilot.click(transcript, offset=place(pilot, words), times=times)
    await pilot.pause()
    return app_of(pilot).main.get_selected_text() or ""


async def test_two_clicks_select_a_word_and_three_a_line(tiny_model: Path) -> None:
    line = "Look at src/main.py, which has a very long line: " + "and so it goes on " * 10 + "to its end."
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await read(pilot, talk(f"First.\n\n{line}\n\nLast."))
        assert await click(pilot, "main.py", 2) == "src/main.py"
        assert await click(pilot, "First", 2) == "First"
        assert await click(pilot, "main.py", 3) == line
        assert await click(pilot, "Last", 3) == "Last."
        assert await click(pilot, "Last", 1) == ""


@pytest.mark.parametrize("times", [3, *(pytest.param(times, marks=pytest.mark.slow) for times in (2, 4))])
async def test_no_number_of_clicks_selects_all(tiny_model: Path, times: int) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await read(pilot, talk("Only this.", "And that."))
        transcript = app_of(pilot).main.transcript
        for y in range(transcript.region.height):
            await pilot.click(transcript, offset=(60, y), times=times)
            text = app_of(pilot).main.get_selected_text() or ""
            assert "\n" not in text


async def test_all_of_it_is_what_is_seen(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await read(pilot, talk(*["\n\n".join(f"line {n}" for n in range(40))] * 3))
        screen = app_of(pilot).main
        screen.selections = {screen.transcript: SELECT_ALL}
        text = screen.get_selected_text() or ""
        assert len(text.split("\n")) <= screen.transcript.size.height


async def test_it_goes_when_another_session_is_shown(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await read(pilot, talk("Only this."))
        assert select(pilot, Offset(0, 0), Offset(100, 100))
        await pilot.press("ctrl+n")
        assert not app_of(pilot).main.get_selected_text()


@pytest.mark.parametrize(
    ("source", "shown", "start", "end", "wanted"),
    [
        ("\tx", "    x", 0, 5, "\tx"),
        ("\tx", "    x", 2, 5, "x"),
        ("a\tx", "a    x", 0, 6, "a\tx"),
        ("a\tx", "a   x", 0, 5, "a\tx"),
        ("a\tx", "something else", 0, 4, "some"),
        ("", "", 0, 4, ""),
    ],
)
def test_tabs_of_a_line(source: str, shown: str, start: int, end: int, wanted: str) -> None:
    assert written(source, shown, start, end) == wanted
