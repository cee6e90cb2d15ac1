"""Tells the user of something in a terminal that is not looked at: a bell, or a notification of the desktop."""

import base64
from collections.abc import Mapping

from tui.terminal.sanitize import one_line

BELL = "\a"
LONGEST = 200
NAME = "llm-tui"


def notification(kind: str, text: str, environment: Mapping[str, str]) -> str:
    """The sequence for the setting ``notify``; a bell where the terminal is not known to have notifications.

    ``text`` is sanitised.
    """
    if kind == "off":
        return ""
    text = one_line(text)[:LONGEST]
    match _protocol(environment) if kind == "desktop" else None:
        case 9:
            return f"\x1b]9;{text}\a"
        case 99:
            return f"\x1b]99;i={NAME}:e=1;{base64.b64encode(text.encode(errors='replace')).decode()}\x1b\\"
        case 777:
            return f"\x1b]777;notify;{NAME};{text.replace(';', ',')}\a"
    return BELL


def _protocol(environment: Mapping[str, str]) -> int | None:
    """Number of the OSC that the terminal takes; None where it is not known, and in tmux, which does not pass it on."""
    term, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    if "TMUX" in environment or term.startswith(("screen", "tmux")):
        return None
    if term == "xterm-kitty" or term.startswith("foot"):
        return 99
    if term.startswith("rxvt-unicode"):
        return 777
    if program in ("iTerm.app", "WezTerm", "ghostty") or term in ("xterm-ghostty", "wezterm"):
        return 9
    return 9 if environment.get("LC_TERMINAL") == "iTerm2" else None
