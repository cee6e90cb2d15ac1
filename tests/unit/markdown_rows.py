"""Markdown to lay out, and the rows that come of it."""

from hypothesis import strategies as st

from tui.markdown.document import Document
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
            "$",
            "$$",
            "\\(",
            "\\[",
            "\\]",
            "\\frac{",
            "^",
            "{",
            "}",
        ),
    ]
)
TEXTS = st.lists(PIECES, max_size=40).map("".join)


def lines(text: str, width: int = 40, **options: bool) -> list[str]:
    whole = Document(width, text, **options)
    whole.finish()
    return [row.text.rstrip() for row in whole.rows]


def spans(text: str) -> list[Span]:
    whole = Document(80, text)
    whole.finish()
    return list(whole.rows[0].spans)
