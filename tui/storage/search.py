"""Full-text search over messages and titles (FTS5), newest first."""

import re
import sqlite3
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tui.conversation.serialization import read_listing
from tui.storage.database import FAULTS, explain, reader
from tui.storage.errors import StoreError

# Private-use characters around matches in FTS5 snippets.
OPEN, CLOSE = "\ue000", "\ue001"
MAX_CHARACTERS = 1000
EXTRACT_WORDS = 16
EXTRACT_CHARACTERS = 60  # on either side
# SQLite instructions between checks for cancellation: well under a millisecond.
STEPS = 10_000

_PHRASE = re.compile(r'"([^"]*)"?|(\S+)')
# Scripts without spaces between words: Thai to Burmese, Khmer, kana and Chinese characters.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
_GLOB = re.compile(r"[*?\[]")
# Punctuation of sentences. Other symbols are part of a term: C++, .env, a->b.
_BETWEEN = "()[]{},;:!?\"'‘’“”«»…"
_BEFORE, _BEHIND = "([{\"'‘“«", ")]},;:!?.\"'’”»…"

_BY_TITLE = """
    SELECT l.id, NULL, l.title, l.opening, l.mode, l.updated, {extract}
    FROM {index} JOIN listings AS l ON l.number = {index}.rowid
    WHERE {index} MATCH ?{condition} ORDER BY {index}.rowid DESC LIMIT ?"""
_BY_WORD = """
    SELECT l.id, n.id, l.title, l.opening, l.mode, l.updated, {extract}
    FROM {index} JOIN nodes AS n ON n.number = {index}.rowid JOIN listings AS l ON l.number = n.session
    WHERE {index} MATCH ?{condition} ORDER BY {index}.rowid DESC LIMIT ?"""
# The index of the database has a reply when it is settled; those that grow are few.
_INDEX_GROWING = (
    """CREATE VIRTUAL TABLE temp.growing_words USING fts5 (
        text, tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3'
    )""",
    """INSERT INTO temp.growing_words (rowid, text)
        SELECT number, text FROM nodes INDEXED BY nodes_growing WHERE growing""",
)
# Statements, each with its index and the column that is indexed.
_INDICES = (
    (_BY_TITLE, "titles", "l.title"),
    (_BY_WORD, "growing_words", "n.text"),
    (_BY_WORD, "words", "n.text"),
)
_TITLE_BY_SIGNS = """
    SELECT id, NULL, title, opening, mode, updated, title FROM listings WHERE {} ORDER BY number DESC LIMIT ?"""
_BY_SIGNS = """
    SELECT l.id, n.id, l.title, l.opening, l.mode, l.updated, n.text
    FROM nodes AS n JOIN listings AS l ON l.number = n.session
    WHERE {} ORDER BY n.number DESC LIMIT ?"""

# Ids of the messages that a session shows: those from its tip up.
_SHOWN = """
    WITH RECURSIVE shown (session, number, id, parent) AS (
        SELECT n.session, n.number, n.id, n.parent
        FROM sessions AS s JOIN nodes AS n ON n.session = s.number AND n.id = s.tip WHERE s.id = ?
        UNION ALL SELECT n.session, n.number, n.id, n.parent
        FROM shown JOIN nodes AS n ON n.session = shown.session AND n.id = shown.parent AND n.number < shown.number
    )
    SELECT id FROM shown"""


@dataclass(frozen=True)
class Hit:
    """A search result. ``node_id`` None: the title matched. ``marks``: matches in ``extract`` as (start, end).

    ``updated``: last use of the session, in seconds since the epoch. ``hidden``: the session shows another version, or
    is rolled back to before the message.
    """

    session_id: str
    node_id: str | None
    title: str
    updated: float
    extract: str
    marks: tuple[tuple[int, int], ...]
    hidden: bool = False


def search(db: sqlite3.Connection, text: str, limit: int) -> list[Hit]:
    """Sessions whose title matches all words, then matching messages, those that are still growing first.

    The last word is a prefix; double quotes enclose phrases; there are no operators. Symbols other than punctuation,
    and scripts without spaces, are matched literally. Raises StoreError if the text is too long.
    """
    db.execute("BEGIN")  # one state of the database for all queries, and an index that does not outlast them
    try:
        return _with_hidden(db, _search(db, text, limit))
    finally:
        if db.in_transaction:  # an interrupted one is over
            db.execute("ROLLBACK")


def _with_hidden(db: sqlite3.Connection, hits: list[Hit]) -> list[Hit]:
    sessions = {hit.session_id for hit in hits if hit.node_id is not None}
    shown = {session_id: {node_id for (node_id,) in db.execute(_SHOWN, (session_id,))} for session_id in sessions}
    return [replace(hit, hidden=hit.node_id is not None and hit.node_id not in shown[hit.session_id]) for hit in hits]


def _search(db: sqlite3.Connection, text: str, limit: int) -> list[Hit]:
    if len(text) > MAX_CHARACTERS:
        raise StoreError(f"The query is too long ({len(text)} characters, at most {MAX_CHARACTERS}).")
    phrases = [quoted or bare for quoted, bare in _PHRASE.findall(text.replace("\0", " ")) if quoted.strip() or bare]
    if not phrases:
        return []
    if _UNSPACED.search(text) or not any(char.isalnum() for char in text):
        return _search_signs(db, phrases, limit)
    query = _query(phrases, unfinished=not text.rstrip().endswith('"'))
    if literal := [core for phrase in phrases if (core := _literal(phrase))]:
        return _search_literally(db, query, literal, limit)
    snippet = f"snippet({{index}}, 0, '{OPEN}', '{CLOSE}', '…', {EXTRACT_WORDS})"
    return [_hit(row, *_unmark(str(row[-1]))) for row in _look_up(db, query, limit, snippet)]


def find(file: Path, text: str, limit: int, unwanted: Callable[[], bool]) -> list[Hit]:
    """``search`` with its own connection, for another thread; returns nothing soon after ``unwanted()`` becomes true.

    Raises StoreError if the text is too long or the database cannot be read.
    """
    with closing(reader(file)) as db:
        db.set_progress_handler(unwanted, STEPS)
        try:
            return search(db, text, limit)
        except FAULTS as error:
            if unwanted():
                return []
            raise explain(error, file) from None


def _search_literally(db: sqlite3.Connection, query: str, phrases: list[str], limit: int) -> list[Hit]:
    """Index search filtered by literal phrases with their symbols."""
    sought = [_folded(phrase) for phrase in phrases]

    def has(text: object) -> bool:
        return isinstance(text, str) and all(phrase in folded for folded in [_folded(text)] for phrase in sought)

    db.create_function("has", 1, has)
    rows = _look_up(db, query, limit, "{column}", " AND has({column})")
    return [_hit(row, *_cut(str(row[-1]), phrases)) for row in rows]


def _look_up(db: sqlite3.Connection, query: str, limit: int, extract: str, condition: str = "") -> list[Any]:
    """Rows of all indices. ``extract`` and ``condition`` may name the index and its column."""
    for statement in _INDEX_GROWING:
        db.execute(statement)
    rows: list[Any] = []
    for form, index, column in _INDICES:
        names = {"index": index, "column": column}
        statement = form.format(index=index, extract=extract.format(**names), condition=condition.format(**names))
        rows += db.execute(statement, (query, limit - len(rows))).fetchall()
    return rows


def _literal(phrase: str) -> str:
    """The literal part of a phrase with significant symbols, else empty."""
    core = phrase.lstrip(_BEFORE).rstrip(_BEHIND)
    return core if any(unicodedata.category(char)[0] in "SP" and char not in _BETWEEN for char in core) else ""


def _folded(text: str) -> str:
    """Fold case, accents and white space as the index does."""
    if not text.isascii():
        text = "".join(char for char in unicodedata.normalize("NFD", text) if unicodedata.category(char) != "Mn")
    return " ".join(text.casefold().split())


def _search_signs(db: sqlite3.Connection, phrases: list[str], limit: int) -> list[Hit]:
    """Full scan for what the word index does not cover."""
    patterns = ["*" + _GLOB.sub(r"[\g<0>]", phrase) + "*" for phrase in phrases]
    condition = " AND ".join(["{0} GLOB ?"] * len(phrases))
    rows = db.execute(_TITLE_BY_SIGNS.format(condition.format("title")), (*patterns, limit)).fetchall()
    rows += db.execute(_BY_SIGNS.format(condition.format("n.text")), (*patterns, limit - len(rows))).fetchall()
    return [_hit(row, *_cut(str(row[-1]), phrases)) for row in rows]


def _query(phrases: list[str], unfinished: bool) -> str:
    """FTS5 query of quoted strings, which contain no operators."""
    words = [phrase for phrase in phrases if any(c.isalnum() for c in phrase)]
    strings = [f'"{phrase.replace(chr(34), chr(34) * 2)}"' for phrase in words]
    # A word that ends in a symbol, such as C++, is not a prefix.
    closed = bool(_literal(words[-1])) and not words[-1][-1].isalnum()
    return " ".join(strings) + (" *" if unfinished and not closed else "")


def _hit(row: tuple[Any, ...], extract: str, marks: list[tuple[int, int]]) -> Hit:
    session_id, node_id, title, opening, mode, updated, _ = row
    listing = read_listing((session_id, title, opening, mode, "", False, updated))
    return Hit(listing.id, node_id, listing.shown_title, listing.updated, extract, tuple(marks))


def _unmark(marked: str) -> tuple[str, list[tuple[int, int]]]:
    """Extract without marks, and their positions."""
    extract, marks, start = "", [], 0
    for piece in re.split(f"([{OPEN}{CLOSE}])", marked):
        if piece == OPEN:
            start = len(extract)
        elif piece == CLOSE:
            marks.append((start, len(extract)))
        else:
            extract += piece
    return extract, marks


def _cut(text: str, phrases: list[str]) -> tuple[str, list[tuple[int, int]]]:
    """Extract around the first phrase, and all matches in it."""
    place = next(_places(text, phrases[:1]), (0, 0))
    start, end = max(0, place[0] - EXTRACT_CHARACTERS), place[1] + EXTRACT_CHARACTERS
    extract = ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")
    return extract, sorted(_places(extract, phrases))


def _places(extract: str, phrases: list[str]) -> Iterator[tuple[int, int]]:
    for phrase in phrases:
        words = r"\s+".join(map(re.escape, phrase.split()))
        yield from (found.span() for found in re.finditer(words, extract, re.I))
