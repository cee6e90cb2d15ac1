"""Markdown that streams: any chunks give the rows of the whole text, and no row is wider than the width."""

import re
import unicodedata
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.unit.markdown_rows import TEXTS, spans
from tui.markdown import document
from tui.markdown.document import Document
from tui.markdown.row import Span


def grown(chunks: Sequence[str], width: int, **options: bool) -> Document:
    text = Document(width, **options)
    for chunk in chunks:
        text.append(chunk)
    return text


@pytest.fixture(params=[2000, 7], ids=["lines-whole", "lines-in-parts"])
def longest_line(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that are too long are read in parts; that is tried with short ones too."""
    monkeypatch.setattr(document, "LONGEST_LINE", request.param)


@pytest.mark.usefixtures("longest_line")
@settings(max_examples=300, deadline=None)
@given(TEXTS, st.data(), st.integers(8, 40), st.booleans(), st.booleans())
def test_any_chunks_give_the_rows_of_the_whole(
    text: str, data: st.DataObject, width: int, unfolded: bool, plain: bool
) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=12)))
    chunks = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    parts = grown(chunks, width, unfolded=unfolded, plain=plain)
    whole = Document(width, text, unfolded=unfolded, plain=plain)
    assert parts.rows == whole.rows
    parts.finish()
    whole.finish()
    assert parts.rows == whole.rows
    assert parts.codes == whole.codes


@pytest.mark.usefixtures("longest_line")
@settings(max_examples=300, deadline=None)
@given(TEXTS, st.integers(8, 40))
def test_no_row_is_wider_than_the_width(text: str, width: int) -> None:
    whole = Document(width, text, unfolded=True)
    for _ in range(2):
        assert [row.text for row in whole.rows if cell_len(row.text.rstrip()) > width] == []
        whole.finish()


@settings(max_examples=300, deadline=None)
@given(TEXTS, TEXTS, st.integers(8, 40))
def test_what_is_said_to_be_unchanged_is(before: str, after: str, width: int) -> None:
    text = Document(width, before)
    old = list(text.rows)
    first = text.append(after)
    assert text.rows[:first] == old[:first]


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.integers(8, 40))
def test_nothing_is_lost(text: str, width: int) -> None:
    """Letters that are no marks; what stands behind the language of a fence is cut at the edge."""
    whole = Document(width, text, unfolded=True)
    whole.finish()
    shown = unicodedata.normalize("NFKD", "".join(row.text for row in whole.rows))  # exponents are small letters
    if "```" not in text and "~~~" not in text:
        written = re.sub(r"\\[A-Za-z]+", "", text)  # a command of a formula is a mark
        assert [(c, written.count(c), shown.count(c)) for c in "w東🙂ef7" if shown.count(c) < written.count(c)] == []


def test_rows_of_a_long_table_stay_where_they_are() -> None:
    table = Document(60, "| a | b |\n|---|---|\n" + "| c | d |\n" * 40)
    before = list(table.rows)
    table.append("| much longer than all before | e |\n")
    assert table.rows[: len(before)] == before and len(table.rows) > len(before)


def test_emphasis_shows_before_it_is_closed_and_marks_do_not_flash() -> None:
    growing = Document(40, "so **")
    assert growing.rows[0].text == "so "
    growing.append("bold")
    assert growing.rows[0].spans[-1] == Span("bold", "strong")
    growing.finish()
    assert growing.rows[0].text == "so **bold"


@pytest.mark.parametrize(
    "text",
    [
        *(
            "a **bold** b",
            "这是**重点**内容",
            "word*more* and",
            "a *b **c** d* e",
            "use `x` and ``y`z`` ok",
            "2 * 3 ** 4",
            "a*b*c = 2**3",
        ),
        *("so ~~no~~ yes", "__bold__ and snake_case", "so *a* ***b*** **c *d* e**", "see https://a.org/b_c?d=*e* and"),
        *("**bold** first", "*so* is this", "- an *item*", "* **an** item", "> - ~~quoted~~"),
        *("`code *with* marks`", "\\*not\\* this\\that", "&amp; *that*"),
    ],
)
def test_nothing_that_was_shown_is_taken_back_while_a_line_grows(text: str) -> None:
    growing, shown = Document(80), ""
    for character in text:
        growing.append(character)
        now = growing.rows[0].text
        assert now.rstrip().startswith(shown.rstrip()), (shown, now)
        shown = now
    assert shown == "".join(span.text for span in spans(text))
