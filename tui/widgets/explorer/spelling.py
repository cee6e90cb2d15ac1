"""Tokens as they are shown: blanks and line breaks are marked, and none is empty."""

from tui.terminal.sanitize import sanitize

NO_TEXT = "▫"  # for a token that is no character yet, or a control token
END = "‹end›"
_MARKS = str.maketrans({" ": "·", "\n": "↵", "\t": "→", "\r": "␍"})


def spelled(text: str) -> str:
    """A token by itself, on one line."""
    return sanitize(text.translate(_MARKS)) or NO_TEXT


def in_text(text: str) -> str:
    """A token among others: its line breaks are marked and made."""
    return sanitize(text.replace("\t", "    ")).replace("\n", "↵\n") or NO_TEXT


def percent(probability: float) -> str:
    """At most seven cells: ``62.1 %``, ``0.031 %``, ``<0.001 %`` is ``~0 %``."""
    share = 100 * probability
    if share >= 0.1:
        return f"{share:.1f} %"
    return f"{share:.3f} %" if share >= 0.001 else "~0 %"
