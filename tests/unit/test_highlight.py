"""Code in colours: a bound in time, whatever the code and its language are."""

import threading
import time

import pytest

from tui.markdown import highlight
from tui.markdown.document import Document
from tui.markdown.highlight import AT_ONCE, STRIKES, Highlighter
from tui.process.time_limit import OutOfTimeError, at_most

HANGING = "extern //" + "\\" * 60


@pytest.fixture(autouse=True)
def no_strikes() -> None:
    highlight._STRIKES.clear()


def processor_time(document: Document, text: str) -> float:
    begun = time.thread_time()
    document.append(text)
    return time.thread_time() - begun


def test_an_expression_that_goes_astray_is_stopped_and_the_code_is_drawn() -> None:
    document = Document(80)
    assert processor_time(document, f"```tads3\n{HANGING}\nint a;\n```\nmore") < 10 * AT_ONCE
    assert [row.text for row in document.rows][1:3] == [HANGING, "int a;"]
    assert {span.style for row in document.rows[1:3] for span in row.spans} == {"block"}
    assert document.rows[-1].text == "more"


def test_a_text_that_used_up_its_time_costs_nothing_more() -> None:
    document = Document(80, f"```tads3\n{HANGING}")
    assert sum(processor_time(document, "\\") for _ in range(100)) < 10 * AT_ONCE
    assert sum(processor_time(document, f"\n```\n```tads3\n{HANGING}") for _ in range(50)) < 10 * AT_ONCE


def test_a_language_that_was_too_slow_is_left_plain() -> None:
    for _ in range(STRIKES):
        Document(80, f"```tads3\n{HANGING}\n```\n")
    assert Highlighter("tads3").line("extern int a;") == [("extern int a;", "block")]
    assert {style for _, style in Highlighter("c").line("int a;")} == {"block", "block keyword"}


def test_a_lexer_that_raises_leaves_the_code_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> list[object]:
        raise KeyError("root")

    monkeypatch.setattr(Highlighter, "_tokens", broken)
    assert Highlighter("c").line("int a;") == [("int a;", "block")]


def test_names_of_no_language_are_not_looked_for_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(highlight, "get_lexer_by_name", lambda *_, **__: pytest.fail("looked for"))
    highlight._lexer.cache_clear()
    assert Highlighter("no-such-language").line("x = 1") == [("x = 1", "block")]


def test_a_thread_that_cannot_be_stopped_draws_plain() -> None:
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.extend(Highlighter("c").line("int a;")))
    thread.start()
    thread.join()
    assert found == [("int a;", "block")]


def test_the_clock_stops_what_does_not_let_it_through_and_is_unset_afterwards() -> None:
    swallowed = 0
    with pytest.raises(OutOfTimeError), at_most(0.02):
        while True:
            try:
                while True:
                    pass
            except OutOfTimeError:
                swallowed += 1
                if swallowed == 3:
                    raise
    end = time.thread_time() + 0.3
    while time.thread_time() < end:
        pass
