"""What there is to know about the program, as the built-in guide was taught it; F1 shows it beside the keys."""

import functools
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass

from tui.config.keymap import KEYMAP, Key
from tui.config.resources import shipped


@dataclass(frozen=True)
class Fact:
    """``keys``: all that the answer names, in Textual's notation."""

    title: str
    answer: str
    keys: tuple[str, ...]


@functools.cache
def facts() -> tuple[Fact, ...]:
    """In the order of the file, without what the guide says of itself."""
    file = shipped("models") / "recipes" / "guide" / "facts.toml"
    entries = tomllib.loads(file.read_text(encoding="utf-8"))["fact"]
    return tuple(
        Fact(entry["title"], entry["answer"], tuple(entry.get("keys", ())))
        for entry in entries
        if entry.get("in_help", True)
    )


def still_true(keymap: tuple[Key, ...]) -> list[Fact]:
    """The facts whose keys do in this key map what they do in the one that is shipped."""
    shipped_uses, uses = _uses(KEYMAP), _uses(keymap)
    return [fact for fact in facts() if all(uses.get(key) == shipped_uses.get(key) for key in fact.keys)]


def _uses(keymap: Iterable[Key]) -> dict[str, set[str]]:
    """What each key does, in one place or another."""
    uses: dict[str, set[str]] = {}
    for entry in keymap:
        for key in entry.keys.split(","):
            uses.setdefault(key, set()).add(entry.id)
    return uses
