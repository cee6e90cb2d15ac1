"""The welcome of an empty chat: a face beside a greeting, then what one can do, as one block of aligned rows."""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from rich.cells import cell_len

from tui.markdown.row import Row, Span
from tui.terminal.wrap import wrap

FACE = (
    "╭───────╮",
    "│ ▪   ▪ │",
    "│  ╰─╯ ▁│",
    "╰───────╯",
)
GAP = 2  # between the face and the greeting, and between a key and what it does
BESIDE = 30  # cells that a greeting needs beside the face


class Welcome(NamedTuple):
    """``title`` and ``about`` greet. ``ask``: what to do first, without a full stop. ``keys``: key and effect."""

    title: str
    about: str
    ask: str = ""
    example: str = ""
    keys: tuple[tuple[str, str], ...] = ()
    note: str = ""


@lru_cache(maxsize=8)
def welcome_rows(welcome: Welcome, width: int, height: int) -> tuple[Row, ...]:
    """Rows of at most ``width`` cells; where there is no room the face goes first, then blank rows, the greeting, the
    example and the last keys; what to do stays, and the note.
    """
    rows: list[Row] = []
    for shown, face, gaps in _smaller(welcome, width >= BESIDE + cell_len(FACE[0]) + GAP):
        rows = _rows(shown, width, face, gaps)
        if len(rows) <= height:
            break
    return tuple(rows[-height:] if height > 0 else ())


def _smaller(welcome: Welcome, face: bool) -> Iterator[tuple[Welcome, bool, bool]]:
    """The welcome, whether it has a face and whether it has blank rows, each time with less of it."""
    yield welcome, face, True
    yield welcome, False, True
    yield welcome, False, False
    bare = welcome._replace(title="", about="")
    yield bare, False, False
    keys = welcome.keys
    for count in range(len(keys) - 1, -1, -1):
        yield bare._replace(example="", keys=keys[:count] + keys[-1:]), False, False


def _rows(welcome: Welcome, width: int, face: bool, gaps: bool) -> list[Row]:
    """Greeting, what to do, keys and note, whatever of them there is."""
    end = ", for example:" if welcome.example else "."
    found = [
        _greeting(welcome, width, face) if welcome.title else [],
        _wrapped(welcome.ask and welcome.ask + end, "", width) + _wrapped(welcome.example, "example", width),
        _keys(welcome.keys, width),
        _wrapped(welcome.note, "faint", width),
    ]
    rows: list[Row] = []
    for part in filter(None, found):
        rows += [Row()] * bool(rows and gaps) + part
    return rows


def _greeting(welcome: Welcome, width: int, face: bool) -> list[Row]:
    beside = cell_len(FACE[0]) + GAP if face else 0
    title = [Row((Span(welcome.title, "heading2"),))]
    greeting = title + _wrapped(welcome.about, "faint", width - beside)
    if not face:
        return greeting
    rows = []
    for number in range(max(len(FACE), len(greeting))):
        drawn = FACE[number] if number < len(FACE) else ""
        words = greeting[number].spans if number < len(greeting) else ()
        rows.append(Row((Span(drawn, "face"), Span(" " * (beside - cell_len(drawn))), *words)))
    return rows


def _keys(keys: tuple[tuple[str, str], ...], width: int) -> list[Row]:
    column = max((cell_len(key) for key, _ in keys), default=0) + GAP
    rows = []
    for key, effect in keys:
        for number, line in enumerate(wrap(effect, max(1, width - column))):
            name = "" if number else key
            rows.append(Row((Span(name, "key"), Span(" " * (column - cell_len(name))), Span(line, "faint"))))
    return rows


def _wrapped(text: str, style: str, width: int) -> list[Row]:
    return [Row((Span(line.rstrip(), style),)) for line in wrap(text, max(1, width))] if text else []
