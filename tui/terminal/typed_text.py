"""Typed and pasted text: normalises line ends and removes invalid characters."""

import unicodedata

from textual.events import Key

# Characters that are never typed: control characters and lone surrogates.
_NO_TEXT = ("Cc", "Cs")


def typed(key: Key) -> str | None:
    """The text of a key; None for keys without one.

    Not ``str.isprintable``, which excludes joiners and spaces required by many languages.
    """
    text = key.character
    return text if text and not any(unicodedata.category(character) in _NO_TEXT for character in text) else None


def normalized(text: str) -> str:
    """Normalise line ends to \\n and replace lone surrogates."""
    return whole(text.replace("\r\n", "\n").replace("\r", "\n"))


def whole(text: str) -> str:
    """Replace lone surrogates, which cannot be encoded, by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
