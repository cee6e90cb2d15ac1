"""The terminal's title (OSC 2), given back at the end."""

import os

from tui.terminal.sanitize import one_line

LONGEST = 100
# Terminals that would print it.
WITHOUT = ("", "dumb", "linux")
# The title before is kept on the terminal's stack; where there is none, it is cleared at the end.
KEEP = "\x1b[22;2t"
GIVE_BACK = "\x1b]2;\a\x1b[23;2t"


def has_title() -> bool:
    """True if the terminal is known to have a title, or to ignore one."""
    return os.environ.get("TERM", "") not in WITHOUT


def titled(text: str) -> str:
    """The sequence that sets the title; ``text`` is sanitised and cut."""
    return f"\x1b]2;{one_line(text)[:LONGEST]}\a"
