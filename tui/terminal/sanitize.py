"""Text from people, documents and models, made safe to show: what could steer the terminal becomes a visible symbol."""

# Everything is replaced one for one, so that positions in the shown text are positions in the text itself.
UNSHOWABLE = "\N{REPLACEMENT CHARACTER}"

_LINE_BREAKING = "\N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR}"
# Marks, embeddings, overrides and isolates: they can make a line read otherwise than it is.
_BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"

_VISIBLE: dict[int, str] = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\n\t"},
    0x7F: "\N{SYMBOL FOR DELETE}",
    **dict.fromkeys(range(0x80, 0xA0), UNSHOWABLE),
    **{ord(char): UNSHOWABLE for char in _LINE_BREAKING + _BIDI + "\ufeff"},
    **dict.fromkeys(range(0xD800, 0xE000), UNSHOWABLE),
}

# Where every character has its cells, these steer the terminal too.
STEERING = (*_VISIBLE, *map(ord, "\n\t"))


def sanitize(text: str) -> str:
    """``text`` with control characters (but newline and tab) and bidirectional controls as symbols; same length."""
    return text.translate(_VISIBLE)


def one_line(text: str) -> str:
    """``text`` for a title or a status line: safe, and without line breaks or runs of blanks."""
    return " ".join(sanitize(text).split())
