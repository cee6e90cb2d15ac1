"""Our own JSON: a session with all that is known of it. Exporting, importing and exporting again gives the same."""

import json
from typing import Any

from tui.conversation.conversation import Conversation
from tui.conversation.serialization import clean, conversation_value, read_conversation

FORMAT = "llm-tui session"
VERSION = 1


def write(conversation: Conversation) -> str:
    """One line for each node."""
    value = {"format": FORMAT, "version": VERSION, **conversation_value(conversation)}
    nodes = ",\n".join(f"  {_dumps(node)}" for node in value.pop("nodes"))
    head = "".join(f" {_dumps(name)}: {_dumps(field)},\n" for name, field in value.items())
    return clean(f'{{\n{head} "nodes": [\n{nodes}\n ]\n}}\n')


def read(value: dict[str, Any]) -> Conversation:
    """Raises ValueError, naming what is wrong, for what ``write`` has not written."""
    if value.get("version") != VERSION:
        raise ValueError(f"it is of version {str(value.get('version'))[:20]}; this llm-tui knows {VERSION}")
    conversation = read_conversation(value)
    if any(node.growing for node in conversation.tree):
        raise ValueError("a node is said to be growing still")
    return conversation


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
