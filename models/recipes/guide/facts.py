"""Facts about llm-tui from `facts.toml`: source of the guide's training data and of the help."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("facts.toml")

NAMES = {
    "escape": "Esc",
    "enter": "Enter",
    "up": "Up",
    "down": "Down",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "slash": "/",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
}
MODIFIERS = ("ctrl", "shift")
COMMAND = re.compile(r"llm-tui(?: [a-z]+)?(?: --[a-z-]+)?|/[a-z-]+")


class FactsError(ValueError):
    """Contradictory facts; the message names one."""


@dataclass(frozen=True)
class Fact:
    """A fact. `keys`: in Textual's notation. `commands`: such as `llm-tui chat --seed` or `/file`."""

    id: str
    title: str
    answer: str
    keys: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    explains: tuple[str, ...] = ()  # keys and commands explained by this fact
    in_help: bool = True

    def __post_init__(self) -> None:
        if not (self.id.count(".") == 1 and self.title and self.answer):
            raise FactsError(f"The fact {self.id!r} needs an id of the form topic.name, a title and an answer.")
        for command in self.commands:
            if not COMMAND.fullmatch(command):
                raise FactsError(f"The fact {self.id} names the command {command!r}; write 'llm-tui NAME --option'.")
        named = [*map(key_label, self.keys), *map(last_word, self.commands), *self.paths]
        for name in named:
            if name not in self.answer:
                raise FactsError(f"The fact {self.id} lists {name}, which its answer does not name.")
        for name in self.explains:
            if name not in (*self.keys, *self.commands):
                raise FactsError(f"The fact {self.id} explains {name!r}, which is not among its keys and commands.")

    @property
    def topic(self) -> str:
        return self.id.partition(".")[0]


def read_facts(file: Path = FILE) -> tuple[Fact, ...]:
    """Read all facts in file order. Raises `FactsError` for contradictions."""
    facts = []
    for entry in tomllib.loads(file.read_text(encoding="utf-8"))["fact"]:
        values = {name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()}
        try:
            facts.append(Fact(**values))
        except TypeError as error:
            raise FactsError(f"The fact {entry.get('id')!r} cannot be read: {error}.") from error
    _refuse_twice("id", [fact.id for fact in facts])
    _refuse_twice("answer", [fact.answer for fact in facts])
    _refuse_twice("explained name", [name for fact in facts for name in fact.explains])
    return tuple(facts)


def key_label(key: str) -> str:
    """Display name of a key: Ctrl+N for ctrl+n, F5 for f5, [ for left_square_bracket; letters are unchanged."""
    *modifiers, name = key.split("+")
    if name not in NAMES and (len(name) != 1 or modifiers) and not re.fullmatch(r"[a-z]|f\d{1,2}", name):
        raise FactsError(f"{key!r} is no key.")
    if any(modifier not in MODIFIERS for modifier in modifiers):
        raise FactsError(f"{key!r} is no key.")
    shown = NAMES.get(name, name.upper() if modifiers or name[1:] else name)
    return "+".join([*(modifier.capitalize() for modifier in modifiers), shown])


def last_word(command: str) -> str:
    """Short name of a command: `--seed` for `llm-tui chat --seed`, `pull` for `llm-tui pull`, `/file`."""
    return command.rpartition(" ")[2]


def _refuse_twice(what: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise FactsError(f"The {what} {name!r} stands twice in the facts.")
