"""First-run hints, each shown until the user does what it suggests."""

from typing import NamedTuple

from tui.conversation.conversation import Mode


class Hint(NamedTuple):
    """``until``: action ids, or ``reply`` for the end of a reply. ``modes``: modes in which it applies."""

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
    """Tracks which hints are left. ``first``: there are no sessions yet."""

    def __init__(self, first: bool) -> None:
        self._left = list(HINTS) if first else []

    def text(self, mode: Mode) -> str:
        """The current hint; empty if there is none for this mode."""
        return self._left[0].text if self._left and mode in self._left[0].modes else ""

    def done(self, what: str) -> bool:
        """Note that ``what`` was done. True if the hint has changed."""
        changed = bool(self._left) and what in self._left[0].until
        if changed:
            del self._left[0]
        return changed
