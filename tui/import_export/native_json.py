"""Lossless JSON format of a session."""

import json
from typing import Any

from tui.conversation.conversation import Conversation
from tui.conversation.serialization import clean, conversation_value, read_conversation

FORMAT = "llm-tui session"
VERSION = 1


def write(conversation: Conversation) -> str:
    """Serialise with one line per node."""
    value = {"format": FORMAT, "version": VERSION, **conversation_value(conversation)}
    nodes = ",\n".join(f"  {_dumps(node)}" for node in value.pop("nodes"))
    head = "".join(f" {_dumps(name)}: {_dumps(field)},\n" for name, field in value.items())
    return clean(f'{{\n{head} "nodes": [\n{nodes}\n ]\n}}\n')


def read(value: dict[str, Any]) -> Conversation:
    """Inverse of ``write``. Raises ValueError for invalid values."""
    if value.get("version") != VERSION:
        raise ValueError(f"unsupported version {str(value.get('version'))[:20]} (this llm-tui reads {VERSION})")
    conversation = read_conversation(value)
    if any(node.growing for node in conversation.tree):
        raise ValueError("a node is marked as growing")
    return conversation


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
