"""JSON lines for fine-tuning: a chat is ``{"messages": [{"role": …, "content": …}, …]}``, a story ``{"text": …}``."""

import json
from dataclasses import replace
from typing import Any

from tui.conversation.conversation import Conversation
from tui.conversation.serialization import clean
from tui.conversation.tree import Role
from tui.import_export.message_tree import ROLES, an_id, line_of


def write(conversation: Conversation) -> str:
    """One line: the system prompt and the path to the tip, with what was left out of the context."""
    path = conversation.tree.path()
    if conversation.mode == "story":
        value: dict[str, Any] = {"text": "".join(node.text for node in path)}
    else:
        messages = conversation.messages([replace(node, context_start=None) for node in path], "")
        value = {"messages": [{"role": each["role"], "content": each["content"]} for each in messages]}
    return clean(json.dumps(value, ensure_ascii=False) + "\n")


def read(value: dict[str, Any]) -> Conversation | None:
    """The chat of a line, or None if it has no message. Raises ValueError for other values."""
    messages = value["messages"]
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise ValueError("its messages are not a list of objects")
    session_id = an_id(json.dumps(messages, sort_keys=True))
    said: list[tuple[Role, str]] = []
    for message in messages:
        role, content = message.get("role"), message.get("content")
        if not isinstance(role, str) or role not in ROLES or not isinstance(content, str):
            raise ValueError("a message has no role or no text")
        said.append((ROLES[role], clean(content)))
    settings = {"system": said.pop(0)[1]} if said and said[0][0] == "system" else {}
    return Conversation("chat", line_of(session_id, said), session_id, settings=settings) if said else None
