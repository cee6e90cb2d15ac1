"""Import of Claude exports: a list of messages with content blocks and attached files."""

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
    messages = value.get("chat_messages")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise ValueError("its chat_messages are not a list of objects")
    session = value.get("uuid")
    entries: dict[str, Entry] = {}
    before: str | None = None
    for number, message in enumerate(messages):
        name = str(message.get("uuid") or f"{session} {number}")
        if name in entries:
            raise ValueError("duplicate message")
        # Newer exports name the parent, which versions of a message share.
        parent = message.get("parent_message_uuid", before)
        entries[name] = Entry(parent, None, _message(message, left_out))
        before = name
    tree = tree_of(entries, value.get("current_leaf_message_uuid", before))
    if not len(tree):
        return None
    created = seconds(value.get("created_at"), time.time())
    title = value.get("name")
    return Conversation(
        tree=tree,
        id=an_id(session or next(iter(tree)).id),
        title=clean(title) if isinstance(title, str) else "",
        created=created,
        updated=seconds(value.get("updated_at"), created),
    )


def _message(message: dict[str, Any], left_out: Counter[str]) -> tuple[Role, str] | None:
    sender = message.get("sender")
    if not isinstance(sender, str) or sender not in ROLES:
        left_out[f"message of a {str(sender)[:40]}"] += 1
        return None
    blocks, text = message.get("content"), message.get("text")
    said = [_block(block, left_out) for block in blocks] if isinstance(blocks, list) else []
    if not any(said) and isinstance(text, str):
        said = [text]
    for field in ("attachments", "files"):
        beside = message.get(field)
        said += [_file(each, left_out) for each in beside] if isinstance(beside, list) else []
    whole = clean("\n\n".join(filter(None, said)))
    return (ROLES[sender], whole) if whole else None


def _block(block: object, left_out: Counter[str]) -> str:
    if isinstance(block, dict) and block.get("type") == "text" and isinstance(text := block.get("text"), str):
        return text
    # Reasoning and tool calls are not imported.
    left_out[str(block.get("type") if isinstance(block, dict) else type(block).__name__)[:40]] += 1
    return ""


def _file(file: object, left_out: Counter[str]) -> str:
    """The file's text under its name if it was exported, else a placeholder."""
    fields = file if isinstance(file, dict) else {}
    name, text = fields.get("file_name"), fields.get("extracted_content")
    if isinstance(text, str) and text:
        return f"{name}:\n\n{text}" if isinstance(name, str) and name else text
    remarks(["file"], left_out)
    return f"[file {name[:200]} left out]" if isinstance(name, str) and name else "[file left out]"
