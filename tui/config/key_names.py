"""Names of keys in sentences, as the user has bound them: a process has one key map, as it has one keyboard."""

from collections.abc import Iterable

from tui.config.keymap import KEYMAP, Key, first_labels

_names = first_labels(KEYMAP)


def key_name(action: str) -> str:
    """Display name of the action's first key."""
    return _names[action]


def name_keys(keymap: Iterable[Key]) -> None:
    """Take the names from this key map from now on."""
    _names.update(first_labels(keymap))
