"""What is typed, pasted or read from a file is stored as it was; what is drawn of it is safe."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual import events

from tests.tui.conftest import app_of, current, idle, make_app, ready, shown, tap
from tui.terminal.sanitize import sanitize
from tui.terminal.typed_text import normalized, typed
from tui.widgets.safe_text_area import ShownDocument

# What Python calls not printable, and people write with: Persian, Japanese and French, emoji, hyphenation, a flag.
WRITTEN = [
    "می\u200cخواهم",
    "東京\u3000駅",
    "12\u00a0000",
    "👩\u200d👧",
    "sil\u00adbe",
    "🏴\U000e0067\U000e007f",
    "\ue0b0",
]
MARKED = ["\u200fשלום\u200e", "\u061cعربي", "\u2067א\u2069", "a\u202eb"]


async def test_what_is_typed_and_pasted_is_what_is_sent(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        composer = app_of(pilot).main.composer
        for text in WRITTEN:
            for character in text:
                composer.post_message(events.Key("x", character))
        await pilot.pause()
        assert composer.text == "".join(WRITTEN)
        pilot.app.post_message(events.Paste("".join(MARKED) + "\x1b[31m\r\nred\rline\ud800"))
        await pilot.pause()
        text = "".join([*WRITTEN, *MARKED]) + "\x1b[31m\nred\nline\ufffd"
        assert composer.text == text
        for y in range(composer.size.height):
            line = "".join(segment.text for segment in composer.render_line(y))
            assert sanitize(line) == line
        await tap(pilot, "enter")
        await idle(pilot)
        assert current(pilot).tree.path()[0].text == text
        assert any("␛[31m" in line for line in shown(pilot))


async def test_a_field_keeps_what_is_written_in_it(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        await pilot.press("f2")
        field = app_of(pilot).main.sidebar._field
        field.value = ""
        pilot.app.post_message(events.Paste("\nmy\u200c \u200fשם\x1b]0;x\x07\tz\u2028y\r\nsecond"))
        await pilot.pause()
        field.post_message(events.Key("x", "\u3000"))
        await pilot.pause()
        assert field.value == "my\u200c \u200fשם\x1b]0;x\x07\tz\u2028y\u3000"
        drawn = "".join(segment.text for segment in field.render_line(0))
        assert sanitize(drawn) == drawn and "\t" not in drawn and "␛]0;x␇ z" in drawn
        assert field._cell_offset_to_index(field._position_to_cell(7)) == 7


async def test_a_file_of_windows_comes_with_plain_line_ends(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "win.txt").write_bytes("\ufeffone\r\ntwo \u200f\rthree\r\n".encode())
    async with make_app(tiny_model).run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        app_of(pilot).commands.send(f"/file {tmp_path / 'win.txt'}")
        await pilot.pause()
        assert app_of(pilot).main.composer.whole == "win.txt:\n```\none\ntwo \u200f\nthree\n```\n"


async def test_a_story_is_continued_from_what_was_written(tiny_model: Path) -> None:
    async with make_app(tiny_model, mode="story").run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        pane = app_of(pilot).main.story_pane
        assert pane is not None
        pane.load("Once\u200c \x1b[2J \u202eupon")
        await tap(pilot, "f5")
        await idle(pilot)
        assert current(pilot).tree.path()[0].text == "Once\u200c \x1b[2J \u202eupon"
        assert pane.text == "".join(node.text for node in current(pilot).tree.path())


@pytest.mark.parametrize("character", ["\x1b", "\r", "\x9b", "\x7f", "\ud800", None])
def test_what_is_no_text_is_not_typed(character: str | None) -> None:
    assert typed(events.Key("f5", character)) is None


def test_lines_end_one_way() -> None:
    assert normalized("a\r\nb\rc\n\r\nd\x85e\u2028f") == "a\nb\nc\n\nd\x85e\u2028f"


ODD = st.text(st.sampled_from("ab\n\r\x0b\x0c\x1c\x85\u2028\u2029\u200f\x1b\t東"), max_size=12)


@settings(max_examples=300, deadline=None)
@given(ODD, st.lists(st.tuples(ODD, st.integers(0, 30), st.integers(0, 30)), max_size=8))
def test_a_document_is_the_text_that_was_put_there(text: str, edits: list[tuple[str, int, int]]) -> None:
    document = ShownDocument(text)
    for piece, one, other in edits:
        start, end = (min(at, len(text)) for at in sorted((one, other)))
        result = document.replace_range(
            document.get_location_from_index(start), document.get_location_from_index(end), piece
        )
        assert result.replaced_text == text[start:end]
        text = text[:start] + piece + text[end:]
        assert document.text == text
        assert result.end_location == document.get_location_from_index(start + len(piece))
        assert [len(line) for line in document.lines] == [len(line) for line in text.split("\n")]
        assert not any(set(line) & set("\r\x0b\x1b\x85\u2028\u200f") for line in document.lines)
