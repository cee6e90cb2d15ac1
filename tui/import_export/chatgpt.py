"""Import of ChatGPT exports: a mapping of nodes with parents and children, texts in parts."""

import json
import re
import time
from collections import Counter
from typing import Any

from tui.conversation.conversation import Conversation
from tui.conversation.serialization import clean
from tui.conversation.tree import Role
from tui.import_export.message_tree import ROLES, Entry, an_id, remarks, seconds, tree_of

LABELS = {"content_type", "language", "response_format_name"}
# Inline marks that ChatGPT renders as buttons: private-use characters around a kind and fields; older ones in brackets.
_MARK = re.compile(" ?\ue200([^\ue200\ue201]{0,4000})\ue201")
_SOURCE = re.compile(r" ?【\d+(?::\d+)?†[^】\n]{0,400}】")
_STRAY = re.compile("[\ue200-\ue206]")
_SHOWN = {"entity": 1, "url": 0}  # kinds with visible text, and the index of its field


def read(value: dict[str, Any], left_out: Counter[str]) -> Conversation | None:
    """The conversation, or None if it has no messages. ``left_out`` counts skipped parts by kind.

    Raises ValueError if it is not a conversation.
    """
    mapping = value.get("mapping")
    if not isinstance(mapping, dict) or not all(isinstance(entry, dict) for entry in mapping.values()):
        raise ValueError("its mapping is not an object of objects")
    entries = {
        name: Entry(entry.get("parent"), entry.get("children"), _message(entry.get("message"), left_out))
        for name, entry in mapping.items()
    }
    tree = tree_of(entries, value.get("current_node"))
    if not len(tree):
        return None
    created = seconds(value.get("create_time"), time.time())
    title = value.get("title")
    return Conversation(
        tree=tree,
        id=an_id(value.get("conversation_id") or value.get("id") or next(iter(tree)).id),
        title=clean(title) if isinstance(title, str) else "",
        created=created,
        updated=seconds(value.get("update_time"), created),
    )


def _message(message: object, left_out: Counter[str]) -> tuple[Role, str] | None:
    """Role and text; None without importable text. Skipped parts are counted."""
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
        whole = _without_marks(whole) if role == "assistant" else whole
        return (ROLES[role], whole) if whole else None
    return None


def _part(part: object, left_out: Counter[str]) -> str:
    """The part's text, or a placeholder."""
    if isinstance(part, str):
        return part
    if isinstance(part, dict) and isinstance(text := part.get("text"), str):
        return text
    kind = part.get("content_type") if isinstance(part, dict) else type(part).__name__
    return remarks([kind], left_out)[0]


def _without_marks(text: str) -> str:
    return _STRAY.sub("", _SOURCE.sub("", _MARK.sub(_shown, text)))


def _shown(mark: re.Match[str]) -> str:
    """Visible text of a mark; empty for citations."""
    kind, *fields = mark[1].split("\ue202")
    if kind not in _SHOWN:
        return ""
    if len(fields) == 1 and fields[0].startswith("["):
        try:
            fields = json.loads(fields[0])
        except (ValueError, RecursionError):
            return ""
    shown = fields[_SHOWN[kind]] if len(fields) > _SHOWN[kind] else ""
    return mark[0][: mark[0].startswith(" ")] + shown if isinstance(shown, str) else ""
