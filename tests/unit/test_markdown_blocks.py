"""Markdown's blocks: lists, quotes, tables, code, thoughts, headings."""

from tests.unit.markdown_rows import lines
from tui.markdown.document import Document
from tui.markdown.row import Span


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
