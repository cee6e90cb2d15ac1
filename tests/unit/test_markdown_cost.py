"""Markdown that streams: the work for a chunk does not grow with the text before it."""

import time

import pytest
from markdown_it.token import Token

from tests.commit_params import first_of
from tui.markdown import grammar
from tui.markdown.document import Document


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["```python\n{}", "{}", "| a | b |\n|---|---|\n{}"])
def test_the_cost_of_a_chunk_does_not_grow_with_what_is_open(kind: str) -> None:
    """A block of 100 000 characters, an item of as many lines, one endless line, a table."""
    unit = {"```python\n{}": "x = [1, 2]  # and so on\n", "{}": "- an item of *some* words\n"}.get(
        kind, "| c | `d` |\n"
    )

    def seconds(text: Document) -> float:
        best = float("inf")
        for _ in range(5):
            began = time.process_time()
            for chunk in range(200):
                text.append(unit[chunk % len(unit)])
            best = min(best, time.process_time() - began)
        return best

    short, long = (Document(80, kind.format(unit * count)) for count in (40, 100_000 // len(unit)))
    assert seconds(long) < 3 * seconds(short)


@pytest.mark.parametrize(
    "unit",
    first_of(["Some **bold** words, `code` and *more*.\n\n", "- an *item*\n  - `within`\n", "a line with *no* end "]),
)
def test_what_is_parsed_for_a_token_does_not_grow_with_the_reply(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[int] = []
    parse = grammar.parse

    def counted(line: str, *options: object) -> list[Token]:
        parsed.append(len(line))
        return parse(line, *options)

    monkeypatch.setattr(grammar, "parse", counted)

    def characters(document: Document) -> int:
        parsed.clear()
        tokens = unit * (4000 // len(unit))
        for start in range(0, len(tokens), 16):
            document.append(tokens[start : start + 16])
        return sum(parsed)

    few = characters(Document(80))
    assert 0 < characters(Document(80, unit * (200_000 // len(unit)))) <= 1.5 * few


def test_an_endless_line_stays_cheap() -> None:
    endless = Document(80, "word " * 40_000)
    began = time.process_time()
    for _ in range(200):
        endless.append("word ")
    assert time.process_time() - began < 1
    assert "".join(row.text for row in endless.rows).count("word") == 40_200
