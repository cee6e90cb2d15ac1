"""Names of the slash commands, and the one that is meant by another word."""

import difflib
from collections.abc import Iterable

from tui.actions.synonyms import SYNONYMS

# Commands whose names are not those of their actions.
NAMES = {
    "choose_model": "model",
    "documents": "docs",
    "rename_session": "rename",
    "toggle_thoughts": "toggle-reasoning",
    "private_session": "private",
    "previous_sibling": "previous-version",
    "next_sibling": "next-version",
}
# Commands that are not ids of the key map.
OWN = ("file", *NAMES.values())


def command_name(action: str) -> str:
    """Name of an action as a slash command, without the slash."""
    return NAMES.get(action, action.replace("_", "-"))


def did_you_mean(word: str, commands: Iterable[str]) -> str:
    """``Did you mean …? `` for a word that is almost one of the commands, or another word for some; else empty."""
    known = list(commands)
    others = {command_name(action) for action, words in SYNONYMS.items() if word in words.split()}
    meant = difflib.get_close_matches(word, known, n=1, cutoff=0.75) or [each for each in known if each in others][:3]
    return f"Did you mean {' or '.join(f'/{each}' for each in meant)}? " if meant else ""
