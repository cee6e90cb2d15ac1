"""Keys that move the highlight of a list while a field keeps the focus."""

from collections.abc import Callable

from textual.binding import Binding, BindingType
from textual.widgets import OptionList

MOVES: dict[str, Callable[[OptionList], None]] = {
    "up": lambda options: options.action_cursor_up(),
    "down": lambda options: options.action_cursor_down(),
    "pageup": lambda options: options.action_page_up(),  # type: ignore[no-untyped-call]
    "pagedown": lambda options: options.action_page_down(),  # type: ignore[no-untyped-call]
}


def list_bindings() -> list[BindingType]:
    """Bindings for an ``action_move``, which calls ``move``."""
    return [Binding(key, f"move('{key}')", show=False) for key in MOVES]


def move(options: OptionList, key: str) -> None:
    """Move the highlight by a key, after the list's layout."""
    if options.size.height:
        MOVES[key](options)
