"""Passages: along headings, paragraphs and sentences, with exact ranges, never inside code that fits."""

import random
from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.documents.reading import Document, Kind
from tui.documents.splitting import LEAST, MOST, Passage, estimate_tokens, split

SENTENCE = "The pump in the cellar starts when the water is high. "  # about a dozen tokens


def passages(text: str, kind: Kind = "markdown") -> list[Passage]:
    found = split(Document(text, kind))
    for passage in found:
        assert 0 <= passage.start < passage.end <= len(text)
        assert passage.line == text.count("\n", 0, passage.start) + 1
        if kind != "html":
            assert passage.text == text[passage.start : passage.end]
    covered = set().union(*(range(passage.start, passage.end) for passage in found))
    if kind != "html":  # nothing is lost but white space
        assert not "".join(char for place, char in enumerate(text) if place not in covered).strip()
    return found


def numbered(count: int) -> str:
    return "".join(f"Sentence {number} says that {SENTENCE}" for number in range(count))


def test_a_short_text_is_one_passage() -> None:
    (passage,) = passages("# Pumps\n\nIt is in the cellar.\n")
    assert (passage.heading, passage.line) == ("Pumps", 1)


def test_nothing_is_in_nothing() -> None:
    assert passages("") == passages(" \n\n\t\n") == []


def test_a_long_paragraph_is_split_between_sentences_and_one_is_repeated() -> None:
    found = passages(numbered(60), "text")
    assert len(found) > 2
    for before, after in pairwise(found):
        assert LEAST <= estimate_tokens(before.text) <= MOST
        assert after.text.startswith("Sentence ")
        overlap = before.end - after.start
        assert before.text[-overlap:].count("Sentence ") == 1  # exactly one
    assert estimate_tokens(found[-1].text) <= MOST


def test_headings_begin_passages_and_their_path_is_told() -> None:
    text = "".join(f"{title}\n\n{numbered(14)}\n\n" for title in ("# House", "## Cellar", "### Pump", "## Roof"))
    found = passages(text)
    begun = {passage.heading: passage.text.splitlines()[0] for passage in reversed(found)}
    assert list(begun)[::-1] == ["House", "House > Cellar", "House > Cellar > Pump", "House > Roof"]
    assert begun["House > Cellar > Pump"] == "### Pump"
    assert begun["House > Roof"] == "## Roof"


def test_short_sections_share_a_passage() -> None:
    found = passages("# A\n\nOne.\n\n# B\n\nTwo.\n\n# C\n\nThree.\n")
    assert len(found) == 1


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("markdown", "```python\n{}\n```"),
        ("rst", "Like this::\n\n{}"),
        ("html", "<pre>{}</pre>"),
    ],
)
def test_code_that_fits_is_never_split(kind: Kind, code: str) -> None:
    lines = "\n".join(f"    x{number} = f(x)  # no. {number}\n" for number in range(12)).rstrip()
    block = code.format(lines)
    for length in range(0, 24, 3):
        before = numbered(length)
        text = (
            f"{before}\n\n{block}\n\n{numbered(5)}" if kind != "html" else f"<p>{before}</p>{block}<p>{numbered(5)}</p>"
        )
        holding = [passage for passage in passages(text, kind) if "x0 = f(x)" in passage.text]
        assert all("x11 = f(x)" in passage.text for passage in holding)
        assert holding


def test_a_heading_in_a_code_block_is_none() -> None:
    (passage,) = passages("# Real\n\n```\n# comment\n\n# another\n```\n")
    assert passage.heading == "Real"


def test_code_that_is_too_long_is_split_between_lines() -> None:
    text = "```\n" + "".join(f"value_{number} = compute({number})\n" for number in range(200)) + "```\n"
    found = passages(text)
    assert len(found) > 3
    assert all(passage.text.startswith(("```", "value_")) and passage.text.endswith("\n") for passage in found[:-1])


def test_a_line_without_end_is_cut() -> None:
    found = passages("x" * 10_000, "text")
    assert all(estimate_tokens(passage.text) <= MOST for passage in found)


def test_functions_stay_together() -> None:
    body = "".join(f"    total += weigh({number})\n\n" for number in range(22))
    text = "".join(f"def add_{name}(total):\n{body}\n\n" for name in "abc")
    found = passages(text, "code")
    assert [passage.text.splitlines()[0] for passage in found] == [f"def add_{name}(total):" for name in "abc"]


def test_restructured_text() -> None:
    titles = ("=====\nHouse\n=====", "Pump\n----", "Valve\n~~~~~", "Roof\n----")
    text = "\n\n".join(f"{title}\n{numbered(10)}" for title in titles)
    headings = [passage.heading for passage in passages(text, "rst")]
    assert list(dict.fromkeys(headings)) == ["House", "House > Pump", "House > Pump > Valve", "House > Roof"]


def test_setext_headings() -> None:
    found = passages(f"House\n=====\n\n{numbered(14)}\n\nPump\n----\n\n{numbered(14)}")
    assert list(dict.fromkeys(passage.heading for passage in found)) == ["House", "House > Pump"]


def test_html_is_text_without_markup_at_its_place() -> None:
    source = (
        "<html><head><title>No</title><style>p {}</style></head><body><h1>Caf&eacute; <em>pump</em></h1>\n"
        "<p>It <b>is</b> in\nthe&nbsp;cellar.</p><script>alert(1)</script>\n"
        "<pre>a\n  b &lt; c</pre><ul><li>One<li>Two</ul>"
    )
    (passage,) = passages(source, "html")
    assert passage.heading == "Café pump"
    assert passage.text == "Café pump\nIt is in the cellar.\na\n  b < c\nOne\nTwo"
    assert source[passage.start :].startswith("Caf&eacute;") and source[: passage.end].endswith("Two")


def test_the_estimate_is_of_the_size_of_a_tokenizers() -> None:
    assert 10 <= estimate_tokens(SENTENCE) <= 16
    assert estimate_tokens("東京タワー") == 5


def test_headings_with_nothing_below_them_are_kept() -> None:
    source = "# A\n## B\n# C\n## D"
    (passage,) = passages(source, "markdown")
    assert passage.text == source


_PIECES = (
    "# A~## B~word ~End. ~```~    x = 1~====~----~::~<p>~</p>~<h1>~</h1>~<pre>~</pre>~&amp;~&#x41;~<!-- ~<![x~- a~東"
)
PIECES = [*_PIECES.split("~"), "\n", "\n\n", "\f", SENTENCE * 8, "y" * 900]


@given(st.lists(st.sampled_from(PIECES), max_size=40), st.sampled_from(get_args(Kind)))
def test_any_text_is_split_into_exact_ranges(parts: list[str], kind: Kind) -> None:
    passages("".join(parts), kind)
    passages("\n".join(parts), kind)


def test_much_html_takes_time_in_proportion() -> None:
    """It would take hours if each passage looked through the whole page."""
    chance = random.Random(16)
    source = "".join(f"<p>Line {chance.random()} <b>of</b> many.</p>\n" for _ in range(20_000))
    assert len(split(Document(source, "html"))) > 1000
