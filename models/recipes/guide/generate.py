"""Generates the guide's training data: facts in many phrasings, follow-ups, small talk, declined questions.

    python -m models.recipes.guide.generate 20 --seed 7     show some

A share of the phrasings (whole lines) is held out of the training, for evaluation by `unseen.py`.
"""

from __future__ import annotations

import hashlib
import random
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import click

from models.recipes.guide.facts import Fact, key_label, last_word, read_facts
from models.recipes.guide.noise import closed, reworded, typed
from models.recipes.guide.phrases import lines, one_of

HERE = Path(__file__).parent
CONVERSATIONS = 100_000
HELD_OUT = 0.015
LENGTHS = {1: 0.4, 2: 0.15, 3: 0.11, 4: 0.11, 5: 0.14, 6: 0.09}  # turns of a conversation, at least
KINDS = {"do": 0.5, "ask": 0.35, "name": 0.15}
QUESTIONS = re.compile(
    r"(how|what|which|where|who|when|why|can|could|may|is|are|do|does|will|should|would|any|did)\b", re.IGNORECASE
)

Message = dict[str, str]
Turn = tuple[str, str]  # user message, answer


@dataclass(frozen=True)
class Followup:
    """A question that refers to the previous answer."""

    after: frozenset[str]
    fact: str
    says: tuple[str, ...]


class Generator:
    """Samples conversations. `held_out`: only questions, in held-out phrasings."""

    def __init__(self, seed: int, held_out: bool = False) -> None:
        self.chance = random.Random(seed)
        self._held_out = held_out
        self.facts = {fact.id: fact for fact in read_facts()}
        self._frames = _read("frames.toml")
        self._talk = _read("smalltalk.toml")
        self._beyond = _read("beyond.toml")
        self._slots = {
            name: lines(block)
            for file in (self._frames, self._talk, self._beyond)
            for name, block in file["slots"].items()
        }
        self._synonyms: dict[str, list[str]] = {}
        for group in lines(_read("synonyms.toml")["groups"]):
            for word in group.split("|"):
                self._synonyms.setdefault(word, []).extend(other for other in group.split("|") if other != word)
        self._phrasings = self._read_phrasings()
        follow = _read("followups.toml")
        self._again = self._share(lines(follow["again"]["says"]), "again")
        self._followups = [
            Followup(frozenset(entry["after"]), entry["fact"], tuple(self._share(lines(entry["says"]), entry["fact"])))
            for entry in follow["followup"]
        ]

    # ---- conversations

    def conversation(self) -> list[Message]:
        """A training item of one to six turns; follow-ups of the last question may add more."""
        length = self.chance.choices(list(LENGTHS), list(LENGTHS.values()))[0]
        draw = self.chance.random()
        turns = [self.opening()] if draw < 0.12 else []
        if draw > 0.97:
            turns = self.introduction()
        while len(turns) < length:
            turns += self.exchange()
        return [
            {"role": role, "content": content}
            for turn in turns
            for role, content in zip(("user", "assistant"), turn, strict=True)
        ]

    def exchange(self) -> list[Turn]:
        """A question about llm-tui with follow-ups, or something else."""
        draw = self.chance.random()
        if draw < 0.14:
            return [self.declined()]
        if draw < 0.2:
            return [self.opening()]
        fact = self.facts[self.chance.choices(list(self._weights), list(self._weights.values()))[0]]
        turns = [self.question(fact)]
        while self.chance.random() < 0.3:
            fitting = [followup for followup in self._followups if fact.id in followup.after and followup.says]
            if not fitting or self.chance.random() < 0.1:
                turns.append((self._say(self.chance.choice(self._again)), fact.answer))
                continue
            followup = self.chance.choice(fitting)
            fact = self.facts[followup.fact]
            turns.append((self._say(self.chance.choice(followup.says)), fact.answer))
        return turns

    def any_question(self) -> Turn:
        """A question about a random fact."""
        return self.question(self.facts[self.chance.choices(list(self._weights), list(self._weights.values()))[0]])

    def question(self, fact: Fact) -> Turn:
        """A question about this fact."""
        if fact.explains and not self._held_out and self.chance.random() < 0.22:
            name = self._spelt(self.chance.choice(fact.explains))
            return self._say(self._framed("explain", name)), fact.answer
        kinds = self._phrasings[fact.id]
        kind = self.chance.choices(list(kinds), [KINDS[kind] for kind in kinds])[0]
        phrasing = one_of(self.chance.choice(kinds[kind]), self.chance, self._slots)
        asked = phrasing if kind == "ask" else self._framed(kind, phrasing)
        return self._say(asked if self._held_out else reworded(asked, self.chance, self._synonyms)), fact.answer

    def declined(self) -> Turn:
        """A question beyond llm-tui, which is declined."""
        if self.chance.random() < 0.3:
            text = self._framed("do", one_of(self.chance.choice(self._beyond_lines["do"]), self.chance, self._slots))
        else:
            text = one_of(self.chance.choice(self._beyond_lines["ask"]), self.chance, self._slots)
        return self._say(text), self.chance.choice(self._beyond["answers"])

    def opening(self) -> Turn:
        """Small talk."""
        entry = self.chance.choice(self._talk["exchange"])
        said, person = self._with_person(self.chance.choice(lines(entry["says"])))
        return typed(closed(said, self.chance, _asks(said)), self.chance), entry["answer"].replace("{person}", person)

    def introduction(self) -> list[Turn]:
        """The user gives a name, perhaps changes the subject, and asks for the name; or asks without giving it."""
        recall = self._talk["recall"][0]
        asked = self._say(self.chance.choice(lines(recall["says"])))
        if self.chance.random() < 0.25:
            return [(asked, recall["unknown"])]
        entry = next(entry for entry in self._talk["exchange"] if "{person}" in entry["answer"])
        said, person = self._with_person(self.chance.choice(lines(entry["says"])))
        between = self.exchange()[:1] if self.chance.random() < 0.7 else []
        greeted = (closed(said, self.chance, False), entry["answer"].replace("{person}", person))
        return [greeted, *between, (asked, recall["answer"].replace("{person}", person))]

    # ---- phrasings

    @cached_property
    def _weights(self) -> dict[str, float]:
        """Facts with more phrasings are sampled slightly more often (square root)."""
        return {id: sum(map(len, kinds.values())) ** 0.5 for id, kinds in self._phrasings.items()}

    @cached_property
    def _beyond_lines(self) -> dict[str, list[str]]:
        return {kind: self._share(lines(self._beyond[kind]), kind) for kind in ("ask", "do")}

    def _read_phrasings(self) -> dict[str, dict[str, list[str]]]:
        found: dict[str, dict[str, list[str]]] = {}
        for file in sorted((HERE / "phrasings").glob("*.toml")):
            for topic, facts in tomllib.loads(file.read_text(encoding="utf-8")).items():
                for name, kinds in facts.items():
                    parts = {kind: self._share(lines(block), f"{topic}.{name}") for kind, block in kinds.items()}
                    found[f"{topic}.{name}"] = {kind: part for kind, part in parts.items() if part}
        return {id: kinds for id, kinds in found.items() if kinds}

    def _share(self, phrasings: list[str], of: str) -> list[str]:
        """Phrasings of this split. The split depends on each line only, so that new lines do not affect others."""

        def kept_out(line: str) -> bool:
            return hashlib.sha256(f"{of}:{line}".encode()).digest()[0] < 256 * HELD_OUT

        return [line for line in phrasings if (len(phrasings) > 4 and kept_out(line)) == self._held_out]

    def _framed(self, kind: str, text: str) -> str:
        return one_of(self.chance.choice(lines(self._frames["frames"][kind])), self.chance, self._slots | {"x": [text]})

    def _with_person(self, phrasing: str) -> tuple[str, str]:
        person = one_of("{person}", self.chance, self._slots)
        return one_of(phrasing.replace("{person}", person), self.chance, self._slots), person

    def _spelt(self, name: str) -> str:
        """A key or command in a random spelling."""
        if name.startswith(("llm-tui", "/")) and " " not in name and name != "llm-tui":
            return name
        if name.startswith("llm-tui"):
            return self.chance.choice([last_word(name), name])
        label = key_label(name)
        first, plus, last = label.partition("+")
        spellings = [label, label, label.lower(), f"the {label} key"]
        if plus:
            spellings += [f"{first}-{last}".lower(), f"{first} {last}", f"{first.replace('Ctrl', 'Control')}+{last}"]
            spellings += [f"^{last}"] if (first, len(last)) == ("Ctrl", 1) else []
        elif len(label) == 1:
            spellings = [label, label, f"`{label}`", f"'{label}'", f"the {label} key"]
            spellings += [f"the letter {label}"] if label.isalpha() else []
        return self.chance.choice(spellings)

    def _say(self, phrasing: str) -> str:
        """Vary a phrasing as users type it: words around it, punctuation, capitals."""
        text = one_of(phrasing, self.chance, self._slots)
        question = _asks(text)
        around = self._frames["around"]
        if self.chance.random() < 0.12 and text[-1] not in ".!?":
            after = one_of(self.chance.choice(lines(around["after"])), self.chance, self._slots)
            text += after if after.startswith(",") else " " + after
        text = closed(text, self.chance, question)
        if self.chance.random() < 0.15:
            text = one_of(self.chance.choice(lines(around["before"])), self.chance, self._slots) + " " + text
        return typed(text, self.chance)


def conversations(seed: int, count: int = CONVERSATIONS) -> Iterator[dict[str, object]]:
    """Generate training items, deterministic for seed and files."""
    generator = Generator(seed)
    for _ in range(count):
        yield {"messages": generator.conversation()}


def _asks(text: str) -> bool:
    return bool(QUESTIONS.match(text))


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((HERE / name).read_text(encoding="utf-8"))


@click.command()
@click.argument("count", type=int, default=20)
@click.option("--seed", type=int, default=1)
def show(count: int, seed: int) -> None:
    """Print some conversations."""
    generator = Generator(seed)
    for _ in range(count):
        for message in generator.conversation():
            click.echo(f"{message['role']}: {message['content']}")
        click.echo()


if __name__ == "__main__":
    show()
