"""Help topics of F1: the facts that the built-in guide is trained on."""

import functools
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from tui.config.keymap import KEYMAP, Key, first_labels, label
from tui.config.paths import shipped


@dataclass(frozen=True)
class Fact:
    """``keys``: those that the answer mentions, in Textual's notation. ``start``, ``end``: characters of the file."""

    title: str
    answer: str
    keys: tuple[str, ...]
    start: int
    end: int


_ENTRY = re.compile(r"^\[\[fact\]\]\n(?:[^\n#\[].*\n)*", re.MULTILINE)


def facts_file() -> Path:
    """The file of all facts."""
    return shipped("models") / "recipes" / "guide" / "facts.toml"


@functools.cache
def facts() -> tuple[Fact, ...]:
    """In file order, without those about the guide itself."""
    source = facts_file().read_text(encoding="utf-8")
    entries = ((tomllib.loads(found[0])["fact"][0], *found.span()) for found in _ENTRY.finditer(source))
    return tuple(
        Fact(entry["title"], entry["answer"], tuple(entry.get("keys", ())), start, end)
        for entry, start, end in entries
        if entry.get("in_help", True)
    )


def topics(keymap: tuple[Key, ...]) -> list[Fact]:
    """The facts with the keys of this key map, without those of which it cannot be told which action a key stands for.

    The facts name keys by default: one that does different things in different contexts is one action's in a sentence,
    and only where all of them are as they were, or all are on another key, that sentence stays true.
    """
    now = first_labels(keymap)
    moved: dict[str, str | None] = {}
    for key, actions in _uses(KEYMAP).items():
        if actions != _uses(keymap).get(key):
            names = {now[action] for action in actions}
            moved[key] = names.pop() if len(names) == 1 else None
    return [renamed for fact in facts() if (renamed := _renamed(fact, moved))]


def _renamed(fact: Fact, moved: dict[str, str | None]) -> Fact | None:
    """The fact with what its keys are called now; None if one of them has no name, or two have one."""
    names = {label(key): moved[key] for key in fact.keys if key in moved}
    if None in names.values() or len(set(names.values())) < len(names):
        return None
    if not names:
        return fact
    found = re.compile("|".join(map(_named, names)))
    title, answer = (found.sub(lambda match: str(names[match[0]]), text) for text in (fact.title, fact.answer))
    return replace(fact, title=title, answer=answer)


def _named(key: str) -> str:
    """A pattern for where a sentence names the key: those of one character stand between backticks."""
    return f"(?<=`){re.escape(key)}(?=`)" if len(key) == 1 else rf"(?<![\w+]){re.escape(key)}(?!\w)"


def _uses(keymap: Iterable[Key]) -> dict[str, set[str]]:
    """Actions by key, over all contexts."""
    uses: dict[str, set[str]] = {}
    for entry in keymap:
        for key in entry.keys.split(","):
            uses.setdefault(key, set()).add(entry.id)
    return uses
