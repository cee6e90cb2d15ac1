"""Reads conversations from database rows and writes their changes."""

import json
import sqlite3
import struct
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

from tui.conversation.conversation import Conversation, Listing, Mode, has_words, shown_title
from tui.conversation.serialization import (
    MAX_TITLE,
    clean,
    page_value,
    quotes_value,
    read_conversation,
    read_listing,
)
from tui.conversation.tree import Node
from tui.conversation.writer_page import BLANK, WriterPage

_HEAD = "title, mode, model, tip, root, pinned, created, updated, settings, draft"
_INSERT_SESSION = f"INSERT INTO sessions ({_HEAD}, id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_UPDATE_SESSION = f"UPDATE sessions SET ({_HEAD}) = (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) WHERE number = ?"
_NODE = "id, parent, entered, role, text, token_ids, outcome, growing, context_start, quotes"
_READ_NODES = f"SELECT {_NODE} FROM nodes WHERE session = ? ORDER BY number"
_WRITE_NODE = f"""
    INSERT INTO nodes (session, {_NODE})
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (session, id) DO UPDATE SET entered = excluded.entered, text = excluded.text,
        token_ids = excluded.token_ids, outcome = excluded.outcome, growing = excluded.growing,
        quotes = excluded.quotes"""
_LIST = f"""
    SELECT id, substr(title, 1, {MAX_TITLE}), opening, mode, model, pinned, updated FROM listings{{}}
    ORDER BY pinned DESC, updated DESC, number LIMIT ? OFFSET ?"""

Values = tuple[Any, ...]


@dataclass(frozen=True)
class Record:
    """A conversation at one moment: its row's columns, its nodes, the child entered of each, and its writer's page.

    It is made where the conversation changes, and written by the thread that waits for the disk.
    """

    conversation: Conversation
    head: Values
    nodes: dict[str, Node]
    entered: dict[str | None, str]
    page: WriterPage

    @classmethod
    def of(cls, conversation: Conversation) -> "Record":
        return cls(conversation, _head(conversation), *conversation.tree.contents(), conversation.page)

    @property
    def id(self) -> str:
        return self.conversation.id


@dataclass(frozen=True)
class Image:
    """State of a conversation in the database, and the number of its row."""

    number: int
    record: Record


def listings(db: sqlite3.Connection, limit: int, offset: int, words: Collection[str] = ()) -> list[Listing]:
    """List sessions; ``words`` (casefolded) must be in the displayed title."""

    def fit(title: str, opening: str, mode: Mode) -> bool:
        if not (isinstance(title, str) and isinstance(opening, str)):
            return False  # damaged
        # The displayed title is cut from the typed one: checking that first is fast and excludes most.
        typed = title or opening
        return (not typed or has_words(typed, words)) and has_words(shown_title(title, opening, mode), words)

    db.create_function("fit", 3, fit)
    query = _LIST.format(" WHERE fit(title, opening, mode)" if words else "")
    return [read_listing(row) for row in db.execute(query, (limit, offset))]


def exists(db: sqlite3.Connection, session_id: str) -> bool:
    return db.execute("SELECT 1 FROM sessions WHERE id = ?", (session_id,)).fetchone() is not None


def read(db: sqlite3.Connection, session_id: str) -> tuple[Conversation, Image] | None:
    """Read a conversation; None if it does not exist. Raises ValueError if its rows are invalid."""
    # One transaction, so that another process cannot write between the two queries.
    db.execute("BEGIN")
    try:
        row = db.execute(f"SELECT number, {_HEAD} FROM sessions WHERE id = ?", (session_id,)).fetchone()
        if row is None:
            return None
        rows = db.execute(_READ_NODES, (row[0],)).fetchall()
        page = db.execute("SELECT page FROM writer_pages WHERE session = ?", (row[0],)).fetchone()
    finally:
        db.execute("ROLLBACK")
    number, *columns = row
    value = {"id": session_id, **dict(zip(_HEAD.split(", "), columns, strict=True))}
    value["settings"] = _json(value["settings"])
    value["nodes"] = [_node_value(*row) for row in rows]
    value["writer"] = None if page is None else _json(page[0])
    conversation = read_conversation(value)
    return conversation, Image(number, Record.of(conversation))


def write(db: sqlite3.Connection, record: Record, image: Image | None) -> Image:
    """Write the differences from ``image`` (None: everything) within a transaction; returns the new image."""
    nodes: dict[str, Node] = {}
    entered: dict[str | None, str] = {}
    page = BLANK
    if image is None or not exists(db, record.id):
        number = db.execute(_INSERT_SESSION, (*record.head, record.id)).lastrowid
        assert number is not None
    else:
        number, nodes, entered, page = image.number, image.record.nodes, image.record.entered, image.record.page
        if record.head != image.record.head:
            db.execute(_UPDATE_SESSION, (*record.head, number))
    for node_id in nodes.keys() - record.nodes.keys():
        db.execute("DELETE FROM nodes WHERE session = ? AND id = ?", (number, node_id))
    for node_id, node in record.nodes.items():
        child = record.entered.get(node_id)
        if nodes.get(node_id) is not node or entered.get(node_id) != child:
            db.execute(_WRITE_NODE, (number, *_values(node, child)))
    if record.page is not page:
        _write_page(db, number, record.page)
    return Image(number, record)


def delete(db: sqlite3.Connection, session_id: str) -> None:
    db.execute("DELETE FROM sessions WHERE id = ?", (session_id,))


def _write_page(db: sqlite3.Connection, number: int, page: WriterPage) -> None:
    if page.blank:
        db.execute("DELETE FROM writer_pages WHERE session = ?", (number,))
    else:
        written = clean(json.dumps(page_value(page), ensure_ascii=False))
        db.execute("INSERT OR REPLACE INTO writer_pages (session, page) VALUES (?, ?)", (number, written))


def _head(conversation: Conversation) -> Values:
    c = conversation
    return (
        clean(c.title),
        c.mode,
        clean(c.model),
        c.tree.tip,
        c.tree.entered(None),
        int(c.pinned),
        c.created,
        c.updated,
        json.dumps(c.settings),
        clean(c.draft),
    )


def _values(node: Node, entered: str | None) -> Values:
    ids = struct.pack(f"<{len(node.token_ids)}I", *node.token_ids)
    outcome = None if node.outcome is None else json.dumps(asdict(node.outcome))
    text, growing = clean(node.text), int(node.growing)
    quotes = None if node.quotes is None else clean(json.dumps(quotes_value(node.quotes), ensure_ascii=False))
    return node.id, node.parent, entered, node.role, text, ids, outcome, growing, node.context_start, quotes


def _node_value(*columns: Any) -> dict[str, Any]:
    value = dict(zip(_NODE.split(", "), columns, strict=True))
    ids = value["token_ids"]
    if not isinstance(ids, bytes) or len(ids) % 4:
        raise ValueError("corrupt token ids")
    value["token_ids"] = list(struct.unpack(f"<{len(ids) // 4}I", ids))
    for column in ("outcome", "quotes"):
        value[column] = None if value[column] is None else _json(value[column])
    return value


def _json(text: object) -> Any:
    """Parse JSON, with NaN and infinity as None. Raises ValueError if it is invalid."""
    if not isinstance(text, str):
        raise ValueError("settings, an outcome, passages or a writer's page are not a string")
    return json.loads(text, parse_constant=lambda _: None)
