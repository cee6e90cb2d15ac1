"""Markdown that streams: any chunks give the rows of the whole text, and no row is wider than the width."""

import time
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it.token import Token
from rich.cells import cell_len

from tui.markdown import document, grammar
from tui.markdown.document import Document
from tui.markdown.link_references import MOST
from tui.markdown.row import Span

# Pieces out of which Markdown is made, put together in any order: most of what comes out is torn or nested oddly.
PIECES = st.sampled_from(
    [
        *(
            "word ",
            "x",
            "  ",
            "\n",
            "\n",
            "\n\n",
            "\t",
            "    ",
            "# ",
            "- ",
            "  - ",
            "12. ",
            "> ",
            "```",
            "```py\n",
            "~~~",
        ),
        *("`", "``", "*", "**", "***", "_", "__", "~~", "|", "|-|-|\n", "| a | b |\n", ":-:", "---", "[", "](", ")"),
        *(
            "https://a.b/c",
            "<https://d.e>",
            "\\",
            "\\*",
            "<think>",
            "</think>",
            "<think>\n",
            "</think>\n",
            "東京",
            "🙂",
        ),
        *(
            "e\u0301",
            "❤\ufe0f",
            "👩\u200d👧",
            "🇩🇪",
            "def f(): '''",
            "/* ",
            " */",
            "x" * 30,
            "deep " * 12,
            "1",
            "+",
            "!",
            "[x]",
            "[x]: /y\n",
            "[y]: <z>",
        ),
    ]
)
TEXTS = st.lists(PIECES, max_size=40).map("".join)


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
    shown = "".join(row.text for row in whole.rows)
    if "```" not in text and "~~~" not in text:
        assert [(c, text.count(c), shown.count(c)) for c in "w東🙂ef7" if shown.count(c) < text.count(c)] == []


def lines(text: str, width: int = 40, **options: bool) -> list[str]:
    whole = Document(width, text, **options)
    whole.finish()
    return [row.text.rstrip() for row in whole.rows]


def spans(text: str) -> list[Span]:
    whole = Document(80, text)
    whole.finish()
    return list(whole.rows[0].spans)


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
        ("~~no~~ \\*yes\\* \\(x\\)", [Span("no", "strike"), Span(" *yes* \\(x\\)")]),
        ("[bank](https://evil.org)", [Span("bank", "link"), Span(" (https://evil.org)", "url")]),
        ("[a](<b c> 'd')", [Span("a", "link"), Span(" (b c)", "url")]),
        ("see https://a.org/b_(c).", [Span("see "), Span("https://a.org/b_(c", "link"), Span(").")]),
        ("## Two *parts* ##", [Span("Two ", "heading2"), Span("parts", "heading2 emph")]),
    ],
)
def test_lines_are_styled(text: str, expected: list[Span]) -> None:
    assert spans(text) == expected


def test_lists_and_quotes_nest() -> None:
    assert lines("- one\n  two\n  - three\n\n    > four\n1. five\nsix") == [
        "• one",
        "  two",
        "  ◦ three",
        "",
        "    ▎ four",
        "1. five",
        "   six",
    ]


def test_long_items_hang_below_their_text() -> None:
    assert lines("10. one two three four", 12) == ["10. one two", "    three", "    four"]


def test_tables_are_aligned_and_fit() -> None:
    text = "| a | number |\n|---|-------:|\n| 東京 | 1 |\n| long words that break | 22 |\n"
    assert lines(text, 24) == [
        "a               │ number",
        "────────────────┼───────",
        "東京            │      1",
        "long words that │     22",
        "break           │",
    ]


def test_rows_of_a_long_table_stay_where_they_are() -> None:
    table = Document(60, "| a | b |\n|---|---|\n" + "| c | d |\n" * 40)
    before = list(table.rows)
    table.append("| much longer than all before | e |\n")
    assert table.rows[: len(before)] == before and len(table.rows) > len(before)


def test_code_is_coloured_across_lines_and_keeps_its_blanks() -> None:
    whole = Document(40, '```python\ndef f():\n    """a\n    b"""\n```\n```c\n/* a\nb */ int\n```\n')
    rows = {row.text: row.spans for row in whole.rows}
    assert rows["def f():"][0] == Span("def", "block keyword")
    assert rows['    b"""'] == (Span('    b"""', "block string"),)
    assert rows["b */ int"][0] == Span("b */", "block comment")
    assert any(span.style == "block keyword" for span in rows["b */ int"])


def test_code_is_known_by_its_place_in_the_source() -> None:
    text = "1. do\n   ```sh\n   a\tb\n\n   \tc\n   ```\n> ```\n> d\n"
    whole = Document(40, text)
    found = ["\n".join(text[start:end] for start, end in code.lines) for code in whole.codes]
    assert found == ["a\tb\n\n\tc", "d"]
    inside = [row.text.strip() for row in whole.rows].index("▎ d")
    assert whole.code_at(inside) == whole.codes[1]
    assert whole.code_at(0) is None


def test_thoughts_are_one_row_until_they_are_unfolded() -> None:
    text = "<think>\nfirst this\nthen `that`\n</think>\n\nThe answer."
    assert lines(text) == ["▸ Thought: 4 words", "", "The answer."]
    assert lines(text, unfolded=True) == ["▾ Thought", "┆ first this", "┆ then that", "", "The answer."]


def test_a_thought_that_the_template_began_is_found_at_its_end() -> None:
    growing = Document(40, "I think\nhard")
    assert [row.text for row in growing.rows] == ["I think", "hard"]
    assert growing.append("\n</think>\nSo") == 0
    assert [row.text for row in growing.rows] == ["▸ Thought: 3 words", "", "So"]


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


def test_plain_text_stays_as_it_was_written() -> None:
    assert lines("# *a*\n\n\n  - b\n", plain=True) == ["# *a*", "", "", "  - b"]


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
    "unit", ["Some **bold** words, `code` and *more*.\n\n", "- an *item*\n  - `within`\n", "a line with *no* end "]
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


def styled(text: str, width: int = 40) -> list[tuple[str, str]]:
    """Each row with the style that it begins with."""
    whole = Document(width, text)
    whole.finish()
    return [(row.text.rstrip(), row.spans[0].style if row.spans else "") for row in whole.rows]


def test_fences_nest_by_their_length_and_their_kind() -> None:
    text = "````md\n```py\nx\n```\n````\n~~~\n```\n~~~\n- ```\n  a\n  ```\nend"
    assert [line for line in lines(text) if "─" not in line] == ["```py", "x", "```", "```", "  a", "end"]


def test_a_line_below_text_makes_it_a_heading() -> None:
    assert styled("Title\n=====\ntext\nmore\n---\nend") == [
        ("Title", "heading1"),
        ("text", "heading2"),
        ("more", "heading2"),
        ("end", ""),
    ]
    assert styled("text\n\n---") == [("text", ""), ("", ""), ("─" * 40, "border")]
    assert styled("- item\n---")[1] == ("─" * 40, "border")
    assert styled("word\n" * 20 + "---")[0] == ("word", "")
    assert styled("text\n= 5") == [("text", ""), ("= 5", "")]
    growing = Document(40, "Title\n=")
    assert growing.rows[0].spans[0].style == "" and growing.append("==\n") == 0
    assert growing.rows[0].spans[0].style == "heading1"


def test_breaks_are_lines_and_the_backslash_that_asks_for_one_is_not_shown() -> None:
    assert lines("one\\\ntwo  \nthree") == ["one", "two", "three"]
    assert lines("a<br>b<br/>c") == ["a", "b", "c"]
    assert lines("| a | b |\n|---|---|\n| x<br>yy | z |\n") == ["a  │ b", "───┼──", "x  │ z", "yy │"]
    assert lines("path\\") == ["path\\"]


def test_entities_are_characters_and_never_steer() -> None:
    assert lines("a &amp; b &lt;c&gt; &#65;&#x42; &copy; `&amp;`") == ["a & b <c> AB © &amp;"]
    assert lines("&#27;[31m &#x202e; &#10;x &#0;") == ["�[31m �  x �"]


def test_links_by_name_show_where_they_lead() -> None:
    text = 'See [the *book*][1], [Book][], [book], ![b][ book ] and [a][0].\n\n[1]: https://a.org "T"\n[book]: <b.org>'
    assert lines(text, 120) == ["See the book (https://a.org), Book (b.org), book (b.org), b (b.org) and [a][0]."]
    assert spans("[x]: /y\n\n[x]") == [Span("x", "link"), Span(" (/y)", "url")]
    assert lines("| [x] |\n|---|\n| `[x]` |\n\n[x]: /y\n")[0::2] == ["x (/y)", "[x]"]
    assert lines("> [x]\n>\n> [X]: #y\n>\n> z") == ["▎ x (#y)", "▎", "▎ z"]
    assert lines("# [x]\n[x]: /1\n[x]: /2\n") == ["x (/1)"]


@pytest.mark.parametrize(
    "text",
    [
        *("Said [Alice]:\n\n[Alice]: Hello.", "[Bob]: Well, well/then", "a\n[1]: https://a.org", "x [1] and [^1]"),
        *("[^1]: https://a.org", "[1]:", "[x]: /y z", "```\n[1]: /a\n```", "a[1][2] = b[1]", "[ ][] [][]"),
    ],
)
def test_what_tells_no_target_is_text(text: str) -> None:
    assert [line for line in lines(text) if "─" not in line] == [line for line in text.split("\n") if "`" not in line]


def test_sources_in_a_list_stay() -> None:
    assert lines("[1]\n\n- [1]: https://a.org\n- b") == ["[1]", "", "• [1]: https://a.org", "• b"]


def test_where_a_link_leads_does_not_flash_while_it_comes() -> None:
    growing = Document(40, "See [it][1].\n\n")
    for piece in "[1]: https://a.org":
        growing.append(piece)
        assert [row.text for row in growing.rows if row.text] == ["See [it][1]."]
    assert growing.append("\n") == 0
    assert [row.text for row in growing.rows] == ["See it (https://a.org)."]
    growing.append("Also [that][1]")
    assert growing.rows[-1].text == "Also that (https://a.org)"


def test_only_so_many_targets_are_known() -> None:
    text = "".join(f"[{number}]: /{number}\n" for number in range(MOST + 1))
    assert lines(text + f"\n[{MOST - 1}][] [{MOST}][]") == [
        f"[{MOST}]: /{MOST}",
        "",
        f"{MOST - 1} (/{MOST - 1}) [{MOST}][]",
    ]


def test_tasks_have_boxes() -> None:
    assert lines("- [ ] open\n- [x] done\n1. [X] too\n- [y] no\n[ ] no") == [
        "• ☐ open",
        "• ☑ done",
        "1. ☑ too",
        "• [y] no",
        "  [ ] no",
    ]
    growing = Document(40, "- [")
    assert growing.rows[0].text.rstrip() == "•"
    growing.append("x]")
    assert growing.rows[0].text.rstrip() == "•"


def test_tabs_go_to_the_next_stop() -> None:
    assert lines("```\na\tb\nabc\td\n\te\n```")[1:4] == ["a   b", "abc d", "    e"]
    assert lines("-\tone\n\ttwo") == ["• one", "  two"]
    whole = Document(40, "- x\n\n\t```\n\ta\tb\n\t```\n")
    assert ["- x\n\n\t```\n\ta\tb\n\t```\n"[start:end] for start, end in whole.codes[0].lines] == ["a\tb"]


def test_lines_that_end_as_on_windows_are_lines() -> None:
    from tests.stubs.conversations import answered
    from tui.conversation.conversation import Conversation
    from tui.widgets.transcript.message import Entry, Message

    text = "# One\r\n```py\r\nx = 1\r\n```\r\n| a | b |\r\n|---|---|\r\n| c | d |\r\n\r\nend"
    node = answered(Conversation(), "?", text)[1]
    message = Message(Entry(node, (1, 1), "model"), 40)
    expected = Document(40, text.replace("\r\n", "\n"))
    expected.finish()
    assert [row.text.rstrip() for row in message.text_rows] == [row.text.rstrip() for row in expected.rows]
    assert message.code(None) == "x = 1"
