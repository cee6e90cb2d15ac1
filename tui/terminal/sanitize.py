"""Sanitises untrusted text for display: control characters become visible symbols."""

# Characters are replaced one for one, so that positions are preserved.
UNSHOWABLE = "\N{REPLACEMENT CHARACTER}"

_LINE_BREAKING = "\N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR}"
# Bidirectional marks, embeddings, overrides and isolates, which can reorder a line.
_BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"

_VISIBLE: dict[int, str] = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\n\t"},
    0x7F: "\N{SYMBOL FOR DELETE}",
    **dict.fromkeys(range(0x80, 0xA0), UNSHOWABLE),
    **{ord(char): UNSHOWABLE for char in _LINE_BREAKING + _BIDI + "\ufeff"},
    **dict.fromkeys(range(0xD800, 0xE000), UNSHOWABLE),
}

# Line and paragraph separators, treated as control characters by some terminals.
STEERING = (*_VISIBLE, *map(ord, "\n\t"))


def sanitize(text: str) -> str:
    """Replace control characters (except newline and tab) and bidirectional controls by symbols; same length."""
    return text.translate(_VISIBLE)


def one_line(text: str) -> str:
    """Sanitise for a title or status line: also collapses line breaks and white space."""
    return " ".join(sanitize(text).split())


def shortened(text: str, length: int) -> str:
    """One line of the text's first words: at most ``length`` characters."""
    words = one_line(text[: 4 * length])
    return words if len(words) <= length else words[: length - 1] + "…"
