"""Exported files to import: this program's own JSON, ChatGPT's, Claude's, Open WebUI's, and archives."""

import json
import zipfile
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.conversation.conversations import talk
from tui.import_export.exporter import WRITERS

TEXT = st.text(max_size=40) | st.sampled_from(["## You", "\\## You\n\\\\## Model", "\n\n", "<b>&amp;", "\ud800", "\r"])
GOOD = WRITERS["json"](talk("good", "better"))
OTHER = WRITERS["json"](talk("other"))


def write(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value))
    return path


def entry(parent: str | None, children: list[str], role: str | None, *parts: object, **more: object) -> dict[str, Any]:
    message = (
        None
        if role is None
        else {"author": {"role": role}, "content": {"content_type": "text", "parts": parts}, **more}
    )
    return {"parent": parent, "children": children, "message": message}


def chatgpt(**changes: object) -> dict[str, Any]:
    """A question with two answers, the second shown and gone on from; tools and pictures on the way."""
    tool = {"content_type": "execution_output", "text": "4"}
    call = {"content_type": "code", "language": "python", "text": "2 + 2"}
    return {
        "title": "Sums",
        "create_time": 1700000000.5,
        "update_time": 1700000100.25,
        "conversation_id": "12345678-1234-1234-1234-123456789abc",
        "current_node": "last",
        "mapping": {
            "root": entry(None, ["system"], None),
            "system": entry("root", ["question"], "system", ""),
            "second": entry("question", ["call"], "assistant", "Let me compute."),
            "first": entry("question", [], "assistant", "Four."),
            "question": entry(
                "system", ["first", "second"], "user", "What is 2 + 2?", {"content_type": "image_asset_pointer"}
            ),
            "call": entry("second", ["tool"], "assistant")
            | {"message": {"author": {"role": "assistant"}, "recipient": "python", "content": call}},
            "tool": entry("call", ["last"], "tool") | {"message": {"author": {"role": "tool"}, "content": tool}},
            "last": entry("tool", ["thanks"], "assistant", "It is 4.", recipient="all"),
            "thanks": entry("last", [], "user", "Thanks \ud83d"),
        },
    } | changes


def claude(**changes: object) -> dict[str, Any]:
    return {
        "uuid": "12345678-1234-1234-1234-123456789abc",
        "name": "Sums",
        "created_at": "2024-05-06T07:08:09.500000Z",
        "updated_at": "2024-05-06T07:09:10+00:00",
        "account": {"uuid": "x"},
        "chat_messages": [
            {
                "uuid": "00000000-0000-0000-0000-000000000001",
                "sender": "human",
                "text": "What is in it?",
                "content": [{"type": "text", "text": "What is in it?", "citations": []}],
                "attachments": [{"file_name": "a.txt", "extracted_content": "two plus two"}],
                "files": [{"file_name": "b.png"}],
            },
            {
                "uuid": "00000000-0000-0000-0000-000000000002",
                "sender": "assistant",
                "text": "A sum.\nFour.",
                "content": [
                    {"type": "thinking", "thinking": "hm"},
                    {"type": "text", "text": "A sum."},
                    {"type": "tool_use", "name": "calc", "input": {}},
                    {"type": "tool_result", "content": []},
                    {"type": "text", "text": "Four."},
                ],
            },
            {"sender": "human", "text": "Thanks"},
        ],
    } | changes


def open_webui(**changes: object) -> dict[str, Any]:
    messages = {
        "a": {"id": "a", "parentId": None, "childrenIds": ["b", "c"], "role": "user", "content": "Hello?"},
        "b": {"id": "b", "parentId": "a", "childrenIds": [], "role": "assistant", "content": "Hi.", "model": "x:1b"},
        "c": {"id": "c", "parentId": "a", "childrenIds": ["d"], "role": "assistant", "content": "Hello!"},
        "d": {
            "parentId": "c",
            "role": "user",
            "content": [{"type": "text", "text": "See:"}, {"type": "image_url", "image_url": {"url": "data:"}}],
            "files": [{"type": "image"}],
        },
    }
    return {
        "id": "87654321-1234-1234-1234-123456789abc",
        "user_id": "u",
        "title": "Greetings",
        "chat": {
            "title": "Greetings",
            "models": ["x:1b"],
            "params": {"system": "Be kind."},
            "history": {"messages": messages, "currentId": "d"},
            "messages": [],
            "timestamp": 1700000000000,
        },
        "updated_at": 1700000100,
        "created_at": 1700000000,
        "pinned": True,
    } | changes


def archive(file: Path, members: dict[str, str | bytes], kind: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(file, "w", kind) as target:
        for name, content in members.items():
            target.writestr(name, content)
    return file
