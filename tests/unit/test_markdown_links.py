"""Markdown's links by name: each shows its target, which may follow later."""

import pytest

from tests.unit.markdown_rows import lines, spans
from tui.markdown.document import Document
from tui.markdown.link_references import MOST
from tui.markdown.row import Span


def test_links_by_name_show_where_they_lead() -> None:
    text = 'See [the *book*][1], [Book][], [book], ![b][ book ] and [a][0].\n\n[1]: https://a.org "T"\n[book]: <b.org>'
    assert lines(text, 120) == ["See the book (https://a.org), Book (b.org), book (b.org), ▣ b (b.org) and [a][0]."]
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
