"""Reads questions whose answers are known: what an evaluation asks."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui.documents.errors import DocumentError
from tui.documents.reading import decode, read_bytes, shown

_FIELDS = {"question", "answers", "path", "quote"}


@dataclass(frozen=True)
class Question:
    """``answers``: texts of which a right reply has one; empty if the documents do not tell.

    ``path``: the end of the path of the document that tells. ``quote``: words of it that hold the answer.
    """

    line: int
    text: str
    answers: tuple[str, ...]
    path: str
    quote: str


def read_questions(file: Path) -> list[Question]:
    """Read JSON lines with ``question``, ``answers`` and, if there are answers, ``path`` and ``quote``.

    Raises DocumentError, naming the line.
    """
    lines = decode(read_bytes(file), file).text.split("\n")
    questions = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                questions.append(_question(number, line))
            except ValueError as error:
                raise DocumentError(f"{shown(file)}:{number}: {error}.") from None
    if not questions:
        raise DocumentError(f"{shown(file)} has no questions.")
    return questions


def _question(number: int, line: str) -> Question:
    """Raises ValueError with what is wrong."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("invalid JSON") from None
    if not isinstance(entry, dict):
        raise ValueError("must be a JSON object")
    if unknown := sorted(entry.keys() - _FIELDS):
        raise ValueError(f"unknown field {json.dumps(unknown[0])[:40]}")
    answers = entry.get("answers")
    if not isinstance(answers, list) or not all(isinstance(answer, str) and answer.strip() for answer in answers):
        raise ValueError('"answers" must be a list of texts, empty if the documents have no answer')
    told = [_text(entry, name) for name in ("path", "quote")] if answers else ["", ""]
    return Question(number, _text(entry, "question"), tuple(answers), *told)


def _text(entry: dict[str, Any], name: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f'"{name}" must be a text')
    return value
