"""Conversations to and from JSON values, with validation of untrusted ones."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, TypeGuard, get_args

from tui.conversation.conversation import ID, Conversation, Listing, Mode
from tui.conversation.lorebook import read_book
from tui.conversation.quotes import Quote
from tui.conversation.tree import Node, Outcome, Role, Tree
from tui.conversation.writer_page import BLANK, MAX_DEPTH, WriterPage

MODES: tuple[Mode, ...] = get_args(Mode)
ROLES: tuple[Role, ...] = get_args(Role)
MAX_TOKEN_ID = 2**32 - 1
MAX_NUMBER = 1e12  # upper bound of durations
MAX_TIME = 250_000_000_000.0  # seconds since the epoch; datetime ends with the year 9999
MAX_COUNT = 10**30  # upper bound of token counts and seeds
MAX_TITLE = 1000
MAX_LINE = 2**31 - 1  # of line numbers, which are passed to editors
MAX_NESTED = 32
# Known settings of a session and their types; unknown ones are preserved.
SETTINGS: dict[str, type] = {
    "system": str,
    "precision": str,
    "sampling": dict,
    "context": int,
    "forked_from": dict,
    "documents": list,
}


def interrupted(node: Node) -> Node:
    """Mark an unfinished node as interrupted, without its (partial) token ids."""
    return replace(node, token_ids=(), outcome=Outcome("interrupted", 0, 0, 0, None, 0.0, 0), growing=False)


def clean(text: str) -> str:
    """Join surrogate pairs and replace lone surrogates, which cannot be encoded."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def conversation_value(conversation: Conversation) -> dict[str, Any]:
    """Serialise; a growing reply as interrupted."""
    c, tree = conversation, conversation.tree
    return {
        "id": c.id,
        "title": c.title,
        "mode": c.mode,
        "model": c.model,
        "pinned": c.pinned,
        "created": c.created,
        "updated": c.updated,
        "settings": c.settings,
        "draft": c.draft,
        "tip": tree.tip,
        "root": tree.entered(None),
        **({} if c.page.blank else {"writer": page_value(c.page)}),
        "nodes": [_node_value(interrupted(node) if node.growing else node, tree.entered(node.id)) for node in tree],
    }


def read_conversation(value: Mapping[str, Any]) -> Conversation:
    """Inverse of ``conversation_value``. Raises ValueError for invalid values."""
    if value.get("mode") not in MODES:
        raise ValueError(f"a session has the mode {str(value.get('mode'))[:40]!r}, not one of {', '.join(MODES)}")
    nodes, tip, root = value.get("nodes"), _optional_text(value, "tip"), _optional_text(value, "root")
    if not isinstance(nodes, list):
        raise ValueError("a session has no list of nodes")
    entered: dict[str | None, str] = {} if root is None else {None: root}
    for fields in nodes:
        if (child := _optional_text(_mapping(fields, "a node"), "entered")) is not None:
            entered[_text(fields, "id")] = child
    conversation = Conversation(
        mode=value["mode"],
        tree=Tree.of(map(_node, nodes), tip, entered),
        id=_text(value, "id"),
        title=_text(value, "title")[:MAX_TITLE],
        model=_text(value, "model"),
        pinned=bool(value.get("pinned")),
        created=_time(value, "created"),
        updated=_time(value, "updated"),
        settings=_settings(_mapping(value.get("settings"), "the settings of a session")),
        draft=_text(value, "draft"),
        page=BLANK if value.get("writer") is None else read_page(_mapping(value["writer"], "the writer's page")),
    )
    if not all(ID.fullmatch(an_id) for an_id in (conversation.id, *(node.id for node in conversation.tree))):
        raise ValueError("an id is not 32 hexadecimal digits")
    return conversation


def read_listing(columns: Sequence[object]) -> Listing:
    """A listing from database columns; invalid ones are left empty (opening the session reports them)."""
    session_id, title, opening, mode, model, pinned, updated = columns
    texts = [text if isinstance(text, str) else "" for text in (title, opening, model)]
    shown: Mode = "story" if mode == "story" else "chat"
    used = _within_calendar(updated) if _is_number(updated) else 0.0
    return Listing(str(session_id), texts[0], texts[1], shown, texts[2], bool(pinned), used)


def page_value(page: WriterPage) -> dict[str, Any]:
    """A writer's page as JSON values; its lorebooks as in their own files."""
    return {
        "memory": page.memory,
        "note": page.note,
        "depth": page.depth,
        "budget": page.budget,
        "books": [book.value for book in page.books],
    }


def read_page(fields: dict[str, Any]) -> WriterPage:
    """Inverse of ``page_value``. Raises ValueError for invalid values."""
    books = fields.get("books")
    if not isinstance(books, list):
        raise ValueError("a writer's page has no list of lorebooks")
    return WriterPage(
        memory=_text(fields, "memory"),
        note=_text(fields, "note"),
        depth=min(max(_count(fields, "depth"), 1), MAX_DEPTH),
        budget=None if fields.get("budget") is None else _count(fields, "budget"),
        books=tuple(read_book(_cleaned(_mapping(book, "a lorebook"))) for book in books),
    )


def _node_value(node: Node, entered: str | None) -> dict[str, Any]:
    return {
        "id": node.id,
        "parent": node.parent,
        "entered": entered,
        "role": node.role,
        "text": node.text,
        "token_ids": list(node.token_ids),
        "outcome": None if node.outcome is None else asdict(node.outcome),
        "context_start": node.context_start,
        "quotes": None if node.quotes is None else quotes_value(node.quotes),
    }


def quotes_value(quotes: Sequence[Quote]) -> list[dict[str, Any]]:
    """Passages of documents as JSON values."""
    return [asdict(quote) for quote in quotes]


def _node(fields: dict[str, Any]) -> Node:
    role, ids, outcome = fields.get("role"), fields.get("token_ids"), fields.get("outcome")
    if role not in ROLES:
        raise ValueError(f"a node has the role {str(role)[:40]!r}, not one of {', '.join(ROLES)}")
    if not isinstance(ids, list) or not all(type(i) is int and 0 <= i <= MAX_TOKEN_ID for i in ids):
        raise ValueError("invalid token ids in a node")
    return Node(
        id=_text(fields, "id"),
        parent=_optional_text(fields, "parent"),
        role=role,
        text=_text(fields, "text"),
        token_ids=tuple(ids),
        outcome=None if outcome is None else _outcome(_mapping(outcome, "an outcome")),
        growing=bool(fields.get("growing")),
        context_start=_optional_text(fields, "context_start"),
        quotes=_quotes(fields.get("quotes")) if role == "user" else None,
    )


def _quotes(values: object) -> tuple[Quote, ...] | None:
    if values is None:
        return None
    if not isinstance(values, list):
        raise ValueError("the passages of a question are not a list")
    return tuple(_quote(_mapping(value, "a passage")) for value in values)


def _quote(fields: dict[str, Any]) -> Quote:
    line, words = _count(fields, "line"), fields.get("words")
    if line > MAX_LINE:
        raise ValueError("“line” is not a valid line number")
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ValueError("the words of a passage are not strings")
    name, path, heading, text = (_text(fields, field) for field in ("name", "path", "heading", "text"))
    return Quote(name, path, line, heading, text, tuple(map(clean, words)))


def _outcome(fields: dict[str, Any]) -> Outcome:
    first = fields.get("first_token_seconds")
    params = _mapping(fields.get("params"), "the parameters of an outcome")
    return Outcome(
        reason=_text(fields, "reason"),
        prompt_tokens=_count(fields, "prompt_tokens"),
        reused_tokens=_count(fields, "reused_tokens"),
        generated_tokens=_count(fields, "generated_tokens"),
        first_token_seconds=None if first is None else _number(fields, "first_token_seconds"),
        total_seconds=_number(fields, "total_seconds"),
        seed=_count(fields, "seed"),
        params={name: _frozen(parameter) for name, parameter in _shallow(params).items()},
        model=_text({"model": "", **fields}, "model"),
    )


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise ValueError(f"“{name}” is not a string")
    return clean(value)


def _optional_text(fields: Mapping[str, Any], name: str) -> str | None:
    return None if fields.get(name) is None else _text(fields, name)


def _number(fields: Mapping[str, Any], name: str) -> float:
    value = fields.get(name)
    if not _is_number(value) or not abs(value) < MAX_NUMBER:
        raise ValueError(f"“{name}” is not a number or out of range")
    return value


def _time(fields: Mapping[str, Any], name: str) -> float:
    value = fields.get(name)
    if not _is_number(value):
        raise ValueError(f"“{name}” is not a number")
    return _within_calendar(value)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value  # not NaN


def _within_calendar(seconds: float) -> float:
    """Clamp to displayable times."""
    return float(min(max(seconds, 0), MAX_TIME))


def _count(fields: Mapping[str, Any], name: str) -> int:
    value = fields.get(name)
    if type(value) is not int or not 0 <= value <= MAX_COUNT:
        raise ValueError(f"“{name}” is not a valid count")
    return value


def _settings(values: dict[str, Any]) -> dict[str, Any]:
    """Drop settings of a wrong type."""
    return {name: value for name, value in _cleaned(values).items() if isinstance(value, SETTINGS.get(name, object))}


def _cleaned(values: dict[str, Any]) -> dict[str, Any]:
    """JSON values that can be encoded, of strings too. Raises ValueError if they are nested too deeply."""
    cleaned: dict[str, Any] = json.loads(clean(json.dumps(_shallow(values), ensure_ascii=False)))
    return cleaned


def _shallow(values: dict[str, Any], depth: int = MAX_NESTED) -> dict[str, Any]:
    """Reject deeply nested values: json reads deeper than it writes."""
    inner: list[Any] = [values]
    for _ in range(depth):
        inner = [
            item
            for value in inner
            if isinstance(value, dict | list)
            for item in (value.values() if isinstance(value, dict) else value)
        ]
    if inner:
        raise ValueError("nested too deeply")
    return values


def _frozen(value: Any) -> Any:
    """Convert lists to tuples, recursively."""
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def _mapping(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} is not an object")
    return value
