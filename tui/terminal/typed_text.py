"""What people type and paste, as text: nothing of it is changed but what is no text, and how lines end."""

import unicodedata

from textual.events import Key

# No key types these: control characters, and halves of characters, which UTF-8 has no bytes for.
_NO_TEXT = ("Cc", "Cs")


def typed(key: Key) -> str | None:
    """The text that a key stands for; None for one that only does something.

    Not what Python calls printable: that leaves out joiners and blanks that many languages are written with.
    """
    text = key.character
    return text if text and not any(unicodedata.category(character) in _NO_TEXT for character in text) else None


def normalized(text: str) -> str:
    """Text from elsewhere with lines that end in a newline, however they ended, and without halves of characters."""
    return whole(text.replace("\r\n", "\n").replace("\r", "\n"))


def whole(text: str) -> str:
    """Without halves of characters, which can be neither stored nor sent: each becomes the sign for that."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
