"""The keys of where one is, in one line."""

from collections.abc import Sequence

from rich.cells import cell_len
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from tui.widgets.plain_text import plain

SEPARATOR = " · "

# A key as it is displayed, and what it does.
KeyHint = tuple[str, str]


class KeysLine(Widget):
    """Keys, the most important first. The last one leads to all others and stays when the others do not fit."""

    keys: reactive[tuple[KeyHint, ...]] = reactive[tuple[KeyHint, ...]](())

    def render(self) -> Content:
        shown = fitting(self.keys, self.size.width - 1)
        hints = [Content.assemble((key, "$accent"), " ", plain(word, "$text-muted")) for key, word in shown]
        line = Content.assemble(" ", plain(SEPARATOR, "$text-disabled").join(hints))
        return line.truncate(self.size.width, ellipsis=True)


def fitting(keys: Sequence[KeyHint], width: int) -> list[KeyHint]:
    """As many of the first keys as fit, and the last one."""
    shown = list(keys)
    while len(shown) > 1 and cell_len(SEPARATOR.join(map(" ".join, shown))) > width:
        del shown[-2]
    return shown
