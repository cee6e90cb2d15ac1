"""Markdown within a line: emphasis in any script, code, entities, and what only looks like marks."""

import pytest

from tests.unit.markdown_rows import lines, spans
from tui.markdown.row import Span


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a **b** c", [Span("a "), Span("b", "strong"), Span(" c")]),
        ("*a **b***", [Span("a ", "emph"), Span("b", "strong emph")]),
        ("`a*b*` ``c`d``", [Span("a*b*", "code"), Span(" "), Span("c`d", "code")]),
        ("2 * 3 * 4, a_b_c", [Span("2 * 3 * 4, a_b_c")]),
        (
            "__bold__ and *a __b__*",
            [*(Span(*each) for each in (("bold", "strong"), (" and ",), ("a ", "emph"))), Span("b", "strong emph")],
        ),
        ("***both***", [Span("both", "strong emph")]),
        (
            "*a `b` [c](d)*",
            [
                Span("a ", "emph"),
                Span("b", "code emph"),
                Span(" ", "emph"),
                Span("c", "link emph"),
                Span(" (d)", "url emph"),
            ],
        ),
        ("<https://a.org/*b*> \\[x\\]", [Span("https://a.org/*b*", "link"), Span(" \\[x\\]")]),
        ("[a](javascript:b) <i>c</i>", [Span("[a](javascript:b) <i>c</i>")]),
        ("never **closed", [Span("never **closed")]),
        ("~~no~~ \\*yes\\* \\(x\\)", [Span("no", "strike"), Span(" *yes* "), Span("x", "formula")]),
        ("[bank](https://evil.org)", [Span("bank", "link"), Span(" (https://evil.org)", "url")]),
        ("[a](<b c> 'd')", [Span("a", "link"), Span(" (b c)", "url")]),
        ("see https://a.org/b_(c).", [Span("see "), Span("https://a.org/b_(c", "link"), Span(").")]),
        ("## Two *parts* ##", [Span("Two ", "heading2"), Span("parts", "heading2 emph")]),
    ],
)
def test_lines_are_styled(text: str, expected: list[Span]) -> None:
    assert spans(text) == expected


def test_plain_text_stays_as_it_was_written() -> None:
    assert lines("# *a*\n\n\n  - b\n", plain=True) == ["# *a*", "", "", "  - b"]


@pytest.mark.parametrize(
    "text",
    [
        *("a*b*c", "2**3", "x = 2**3 + y**4", "(a)*b*(c)", "a[i]*b[j]*c", "src/**/*.py", "α*β*γ", "f(*args, **kwargs)"),
        *("2 ** 3 * 4", "2 * 3 * 4"),
        *("char *a, *b;", "5*(a+b)*c", "C:\\new\\dir\\", "AT&T; &nosuch; &", "a[0][1]", "a <brx> b"),
    ],
)
def test_what_looks_like_arithmetic_or_code_stays_as_it_is(text: str) -> None:
    assert spans(text) == [Span(text)]


@pytest.mark.parametrize(
    ("text", "strong"),
    [
        *(
            ("**注意：**请", "注意："),
            ("这是**重点**内容", "重点"),
            ("内容**“重点”**吗", "“重点”"),
            ("使用Python**重点**", "重点"),
        ),
        *(("**강조(설명)**은", "강조(설명)"), ("นี่คือ**สำคัญ**มาก", "สำคัญ"), ("**हिन्दी**में", "हिन्दी")),
        *(("**bold**text", "bold"), ("(**bold**)", "bold"), ("**foo*bar**", "foo*bar"), ("「**重点**」", "重点")),
    ],
)
def test_emphasis_is_found_in_scripts_without_blanks(text: str, strong: str) -> None:
    assert [span.text for span in spans(text) if span.style == "strong"] == [strong]
    assert "".join(span.text for span in spans(text)) == text.replace("**", "")


def test_breaks_are_lines_and_the_backslash_that_asks_for_one_is_not_shown() -> None:
    assert lines("one\\\ntwo  \nthree") == ["one", "two", "three"]
    assert lines("a<br>b<br/>c") == ["a", "b", "c"]
    assert lines("| a | b |\n|---|---|\n| x<br>yy | z |\n") == ["a  │ b", "───┼──", "x  │ z", "yy │"]
    assert lines("path\\") == ["path\\"]


def test_entities_are_characters_and_never_steer() -> None:
    assert lines("a &amp; b &lt;c&gt; &#65;&#x42; &copy; `&amp;`") == ["a & b <c> AB © &amp;"]
    assert lines("&#27;[31m &#x202e; &#10;x &#0;") == ["�[31m �  x �"]
