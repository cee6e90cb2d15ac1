"""Help topics of F1: the facts that the built-in guide is trained on."""

import functools
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass

from tui.config.keymap import KEYMAP, Key
from tui.config.paths import shipped


@dataclass(frozen=True)
class Fact:
    """``keys``: the keys that the answer mentions, in Textual's notation."""

    title: str
    answer: str
    keys: tuple[str, ...]


@functools.cache
def facts() -> tuple[Fact, ...]:
    """In file order, without those about the guide itself."""
    file = shipped("models") / "recipes" / "guide" / "facts.toml"
    entries = tomllib.loads(file.read_text(encoding="utf-8"))["fact"]
    return tuple(
        Fact(entry["title"], entry["answer"], tuple(entry.get("keys", ())))
        for entry in entries
        if entry.get("in_help", True)
    )


def still_true(keymap: tuple[Key, ...]) -> list[Fact]:
    """Facts whose keys have their default actions in this key map."""
    shipped_uses, uses = _uses(KEYMAP), _uses(keymap)
    return [fact for fact in facts() if all(uses.get(key) == shipped_uses.get(key) for key in fact.keys)]


def _uses(keymap: Iterable[Key]) -> dict[str, set[str]]:
    """Actions by key, over all contexts."""
    uses: dict[str, set[str]] = {}
    for entry in keymap:
        for key in entry.keys.split(","):
            uses.setdefault(key, set()).add(entry.id)
    return uses
