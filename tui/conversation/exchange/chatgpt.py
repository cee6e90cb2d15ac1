"""Conversations as ChatGPT exports them: a mapping of nodes with parents and children, texts in parts."""

import time
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tui.conversation.conversation import Conversation, new_id
from tui.conversation.portable import MAX_NUMBER, clean
from tui.conversation.tree import Node, Role, Tree

LABELS = {"content_type", "language", "response_format_name"}
ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant"}


def read(value: dict[str, Any], left_out: Counter[str]) -> Conversation | None:
    """The conversation, or None if there is no message in it. ``left_out`` counts, by kind, what had to be.

    Raises ValueError, naming what is wrong, for what is no conversation.
    """
    mapping = value.get("mapping")
    if not isinstance(mapping, dict) or not all(isinstance(entry, dict) for entry in mapping.values()):
        raise ValueError("its mapping is not an object of objects")
    nodes: dict[str, Node] = {}
    stands_for: dict[str | None, str | None] = {None: None}  # an entry that holds no message stands for its parent
    for name, parent in _in_order(mapping):
        stands_for[name] = stands_for[parent]
        if message := _message(mapping[name].get("message"), left_out):
            node_id = _id(name)
            if node_id in nodes:
                node_id = new_id()
            nodes[node_id] = Node(node_id, stands_for[parent], *message)
            stands_for[name] = node_id
    if not nodes:
        return None
    tree = Tree.of(nodes.values(), None, {})
    current = value.get("current_node")
    tree.move(stands_for.get(current) if isinstance(current, str) else None)
    if tree.tip is None:
        tree.move(tree.latest(None))
    created = _time(value.get("create_time"), time.time())
    title = value.get("title")
    return Conversation(
        tree=tree,
        id=_id(value.get("conversation_id", value.get("id"))),
        title=clean(title) if isinstance(title, str) else "",
        created=created,
        updated=_time(value.get("update_time"), created),
    )


def _in_order(mapping: dict[str, dict[str, Any]]) -> Iterator[tuple[str, str | None]]:
    """Each entry behind its parent, siblings in the order that the parent names. Raises ValueError for loops."""
    children: dict[str | None, list[str]] = {None: []}
    for name, entry in mapping.items():
        parent = entry.get("parent")
        known = isinstance(parent, str) and parent in mapping
        children.setdefault(parent if known else None, []).append(name)
    seen = 0
    waiting: list[tuple[str, str | None]] = [(name, None) for name in reversed(children[None])]
    while waiting:
        name, parent = waiting.pop()
        seen += 1
        yield name, parent
        named = mapping[name].get("children")
        rank = {str(child): index for index, child in enumerate(named if isinstance(named, list) else [])}
        family = sorted(children.get(name, []), key=lambda child: rank.get(child, len(rank)))
        waiting += [(child, name) for child in reversed(family)]
    if seen < len(mapping):
        raise ValueError("its messages run in a circle")


def _message(message: object, left_out: Counter[str]) -> tuple[Role, str] | None:
    """Role and text; None where nothing is said, or nothing that can be taken over, which is then counted."""
    if not isinstance(message, dict) or not isinstance(content := message.get("content"), dict):
        return None
    author = message.get("author")
    role = author.get("role") if isinstance(author, dict) else None
    parts, text = content.get("parts"), content.get("text")
    kind = str(content.get("content_type"))[:40]
    if not any(parts if isinstance(parts, list) else (field for name, field in content.items() if name not in LABELS)):
        return None
    if not isinstance(role, str) or role not in ROLES:
        left_out[f"message of a {str(role)[:40]}"] += 1
    elif message.get("recipient", "all") != "all":
        left_out["message to a tool"] += 1
    elif not isinstance(parts, list) and not isinstance(text, str):
        left_out[kind] += 1
    else:
        said = [_part(part, left_out) for part in parts] if isinstance(parts, list) else [text]
        whole = clean("\n\n".join(filter(None, said)))
        return (ROLES[role], whole) if whole else None
    return None


def _part(part: object, left_out: Counter[str]) -> str:
    """Its text; where it has none, a remark in its place."""
    if isinstance(part, str):
        return part
    kind = str(part.get("content_type"))[:40] if isinstance(part, dict) else type(part).__name__
    if isinstance(part, dict) and isinstance(text := part.get("text"), str):
        return text
    left_out[kind] += 1
    return f"[{kind} left out]"


def _id(value: object) -> str:
    """The same 32 digits for the same id, if it is one."""
    try:
        return uuid.UUID(str(value)).hex
    except ValueError:
        return new_id()


def _time(value: object, otherwise: float) -> float:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < MAX_NUMBER
    return float(value) if usable else otherwise  # type: ignore[arg-type]
