"""Import of Open WebUI exports: messages by id with parents and children."""

import time
from collections import Counter
from typing import Any

from tui.conversation.conversation import Conversation
from tui.conversation.serialization import clean
from tui.conversation.tree import Role
from tui.import_export.message_tree import ROLES, Entry, an_id, remarks, seconds, tree_of


def read(value: dict[str, Any], left_out: Counter[str]) -> Conversation | None:
    """The conversation, or None if it has no messages. ``left_out`` counts skipped parts by kind.

    Raises ValueError if it is not a conversation.
    """
    chat = value.get("chat", value)
    history = chat.get("history") if isinstance(chat, dict) else None
    messages = history.get("messages") if isinstance(history, dict) else None
    if (
        not isinstance(chat, dict)
        or not isinstance(history, dict)
        or not isinstance(messages, dict)
        or not all(isinstance(message, dict) for message in messages.values())
    ):
        raise ValueError("its history has no messages by id")
    entries = {
        name: Entry(message.get("parentId"), message.get("childrenIds"), _message(message, left_out))
        for name, message in messages.items()
    }
    tree = tree_of(entries, history.get("currentId"))
    if not len(tree):
        return None
    title = value.get("title", chat.get("title"))
    created = seconds(value.get("created_at", chat.get("timestamp")), time.time())
    settings = chat.get("params")
    system = chat.get("system") or (settings.get("system") if isinstance(settings, dict) else None)
    return Conversation(
        tree=tree,
        id=an_id(value.get("id") or chat.get("id") or next(iter(tree)).id),
        title=clean(title) if isinstance(title, str) else "",
        pinned=value.get("pinned") is True,
        created=created,
        updated=seconds(value.get("updated_at"), created),
        settings={"system": clean(system)} if isinstance(system, str) and system else {},
    )


def _message(message: dict[str, Any], left_out: Counter[str]) -> tuple[Role, str] | None:
    role, content = message.get("role"), message.get("content")
    if not isinstance(role, str) or role not in ROLES:
        left_out[f"message of a {str(role)[:40]}"] += 1
        return None
    said = [_part(part, left_out) for part in content] if isinstance(content, list) else [content]
    files = message.get("files")
    said += remarks(["file" for _ in files], left_out) if isinstance(files, list) else []
    whole = clean("\n\n".join(text for text in said if isinstance(text, str) and text))
    return (ROLES[role], whole) if whole else None


def _part(part: object, left_out: Counter[str]) -> str:
    if isinstance(part, dict) and isinstance(text := part.get("text"), str):
        return text
    return remarks([part.get("type") if isinstance(part, dict) else type(part).__name__], left_out)[0]
