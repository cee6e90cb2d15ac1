"""Three hints for somebody who is here for the first time, each until what it tells of was done."""

from typing import NamedTuple

from tui.conversation.conversation import Mode


class Hint(NamedTuple):
    """``until``: actions of the key map, or ``reply`` for one that has ended; ``modes``: where it can be followed."""

    text: str
    until: frozenset[str]
    modes: tuple[Mode, ...] = ("chat",)


HINTS = (
    Hint("1/3  Type a question and press Enter. Esc stops the reply and keeps it.", frozenset({"reply"})),
    Hint("2/3  Esc focuses the messages: u rolls back, r regenerates, e edits.", frozenset({"stop"})),
    Hint(
        "3/3  Ctrl+T opens a story, Ctrl+P the command palette, F1 help.",
        frozenset({"reply", "toggle_mode", "help", "palette"}),
        ("chat", "story"),
    ),
)


class Onboarding:
    """``first``: nothing was ever written here."""

    def __init__(self, first: bool) -> None:
        self._left = list(HINTS) if first else []

    def text(self, mode: Mode) -> str:
        """What to say now; empty when there is nothing, or nothing that can be done in this mode."""
        return self._left[0].text if self._left and mode in self._left[0].modes else ""

    def done(self, what: str) -> bool:
        """Somebody has done that; tells whether there is something else to say now."""
        changed = bool(self._left) and what in self._left[0].until
        if changed:
            del self._left[0]
        return changed
