"""The guide model's exam: asks every question of exam.toml at temperature 0 and scores the answers by rule.

python -m models.recipes.guide.exam MODEL_DIR [--system TEXT] [--json]

prints each failed question with its answer and the reasons, and last ``in scope 93/100, declined 20/20, conversations
2/2, fifth turn 92/100``: the questions in scope are asked again as the fifth turn of conversations. An answer is wrong
when it lacks what the question expects, claims what it forbids, names a key or a command that does not belong to it, or
has no end.
"""

import argparse
import json
import re
import signal
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from inference import (
    ContextOverflowError,
    Engine,
    Failed,
    Finished,
    InferenceError,
    Model,
    SamplingParams,
    Session,
    Token,
)
from models.recipes.guide.mentions import named_commands, named_keys, plain_quotes

EXAM = Path(__file__).with_name("exam.toml")
MAX_TOKENS = 200

Message = dict[str, str]


@dataclass(frozen=True)
class Question:
    """One question and its scoring rules; ``keys`` and ``commands`` hold all that an answer may name."""

    topic: str
    ask: str
    expect: tuple[tuple[str, ...], ...]
    forbid: tuple[str, ...]
    keys: frozenset[str]
    commands: frozenset[str]


@dataclass(frozen=True)
class Exam:
    in_scope: tuple[Question, ...]
    out_of_scope: tuple[Question, ...]
    conversations: tuple[tuple[Question, ...], ...]
    beginnings: tuple[tuple[str, ...], ...]  # what was said in the four turns before; each question follows one of them


class Reply(NamedTuple):
    text: str
    ended: bool  # False: cut off at MAX_TOKENS, or the context is full


@dataclass(frozen=True)
class Mark:
    """Result of a question; correct without ``reasons``."""

    question: Question
    answer: str
    reasons: tuple[str, ...]


def load_exam(path: Path = EXAM) -> Exam:
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    allowed, declined, refused = data["allowed"], data["declined"], data["refused"]

    def in_scope(entry: dict[str, Any], topic: str) -> Question:
        return Question(
            topic,
            entry["ask"],
            tuple(tuple(group) for group in entry["expect"]),
            (*entry.get("forbid", ()), *refused["patterns"]),
            frozenset([*entry.get("keys", ()), *allowed["keys"]]),
            frozenset([*entry.get("commands", ()), *allowed["commands"]]),
        )

    def out_of_scope(entry: dict[str, Any]) -> Question:
        return Question(
            "out of scope",
            entry["ask"],
            (tuple(declined["patterns"]),),
            tuple(entry["forbid"]),
            frozenset([*declined["keys"], *allowed["keys"]]),
            frozenset([*declined["commands"], *allowed["commands"]]),
        )

    return Exam(
        tuple(in_scope(entry, entry["topic"]) for entry in data["question"]),
        tuple(out_of_scope(entry) for entry in data["out_of_scope"]),
        tuple(
            tuple(in_scope(entry, f"{talk['topic']}, a conversation") for entry in talk["question"])
            for talk in data["conversation"]
        ),
        tuple(tuple(each["said"]) for each in data["beginning"]),
    )


# ---- scoring ---------------------------------------------------------------------------------------------------------


def score(answer: str, question: Question) -> list[str]:
    """Reasons why ``answer`` is wrong; empty if it is correct."""
    text = plain_quotes(answer)
    unmarked = re.sub(r"`|\*\*", "", text)
    keys, commands = named_keys(text), named_commands(text)

    def found(pattern: str) -> str | None:
        if pattern.startswith("key:"):
            return pattern if pattern.removeprefix("key:") in keys else None
        match = re.search(pattern, text, re.IGNORECASE) or re.search(pattern, unmarked, re.IGNORECASE)
        return match.group() if match else None

    missing = [group for group in question.expect if not any(found(pattern) for pattern in group)]
    claims = [claim for claim in map(found, question.forbid) if claim]
    return [
        *(f"lacks {' or '.join(group)}" for group in missing),
        *(f"must not say {claim!r}" for claim in claims),
        *(f"must not name the key {key}" for key in sorted(keys - question.keys)),
        *(f"must not name the command {command}" for command in sorted(commands - question.commands)),
    ]


# ---- taking the exam -------------------------------------------------------------------------------------------------


def examine(
    questions: Iterable[Question], reply: Callable[[list[Message]], Reply], system: str | None
) -> Iterator[Mark]:
    """Ask ``questions`` one after the other in one conversation."""
    messages: list[Message] = [{"role": "system", "content": system}] if system else []
    for question in questions:
        messages.append({"role": "user", "content": question.ask})
        answer = reply(messages)
        reasons = score(answer.text, question)
        if not answer.ended:
            reasons.append(f"does not end within {MAX_TOKENS} tokens and the context")
        yield Mark(question, answer.text, tuple(reasons))
        messages.append({"role": "assistant", "content": answer.text})


def examine_later(
    questions: Iterable[Question], said: Iterable[str], reply: Callable[[list[Message]], Reply], system: str | None
) -> Iterator[Mark]:
    """Ask each of ``questions`` as the next turn of a conversation in which the user has ``said`` that."""
    before: list[Message] = [{"role": "system", "content": system}] if system else []
    for text in said:
        before.append({"role": "user", "content": text})
        before.append({"role": "assistant", "content": reply(before).text})
    for question in questions:
        yield from examine([question], lambda messages: reply([*before, *messages]), None)


def take(exam: Exam, reply: Callable[[list[Message]], Reply], system: str | None = None) -> dict[str, list[list[Mark]]]:
    """Run the exam. Returns a list of marks per conversation; most have one question."""

    def alone(questions: tuple[Question, ...]) -> list[list[Mark]]:
        return [list(examine([question], reply, system)) for question in questions]

    def later() -> Iterator[list[Mark]]:
        count = len(exam.beginnings)
        for number, said in enumerate(exam.beginnings):
            yield from ([mark] for mark in examine_later(exam.in_scope[number::count], said, reply, system))

    return {
        "in scope": alone(exam.in_scope),
        "declined": alone(exam.out_of_scope),
        "conversations": [list(examine(questions, reply, system)) for questions in exam.conversations],
        "fifth turn": list(later()),
    }


def right(marks: list[Mark]) -> bool:
    return not any(mark.reasons for mark in marks)


def report(results: dict[str, list[list[Mark]]]) -> str:
    lines = []
    for mark in (mark for part in results.values() for marks in part for mark in marks if mark.reasons):
        lines += [f"[{mark.question.topic}] {mark.question.ask}", f"    {mark.answer.strip()}"]
        lines += [*(f"  - {reason}" for reason in mark.reasons), ""]
    lines.append(", ".join(f"{part} {sum(map(right, talks))}/{len(talks)}" for part, talks in results.items()))
    return "\n".join(lines)


def as_json(results: dict[str, list[list[Mark]]]) -> str:
    parts = {part: {"right": sum(map(right, talks)), "of": len(talks)} for part, talks in results.items()}
    failed = [
        {"part": part, "topic": mark.question.topic, "ask": mark.question.ask, "answer": mark.answer,
         "reasons": mark.reasons}
        for part, talks in results.items() for marks in talks for mark in marks if mark.reasons
    ]  # fmt: skip
    return json.dumps({**parts, "failed": failed}, indent=2, ensure_ascii=False)


def asking(session: Session) -> Callable[[list[Message]], Reply]:
    """Create a function that replies to a conversation at temperature 0."""
    params = SamplingParams(temperature=0.0, max_tokens=MAX_TOKENS)

    def reply(messages: list[Message]) -> Reply:
        pieces: list[str] = []
        ended = False
        try:
            generation = session.reply(messages, params)
        except ContextOverflowError:  # endless answers to the turns before this one
            return Reply("", ended=False)
        for event in generation:
            match event:
                case Token():
                    pieces.append(event.text)
                case Finished():
                    ended = event.reason == "stop"
                case Failed():
                    raise event.error
        return Reply("".join(pieces), ended)

    return reply


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m models.recipes.guide.exam", description="Score a guide model.")
    parser.add_argument("model", type=Path, help="the model's directory")
    parser.add_argument("--system", help="system prompt; without it, the chat template's own")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    options = parser.parse_args(arguments)
    try:
        with Engine(Model.load(options.model)) as engine:
            results = take(load_exam(), asking(engine.new_session()), options.system)
    except InferenceError as error:
        print(error, file=sys.stderr)
        return 1
    print(as_json(results) if options.json else report(results))
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` ends quietly
    sys.exit(main())
