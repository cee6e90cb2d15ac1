"""ChatGPT's exports: versions, tools, kinds of content, and trees that are strange or very deep."""

from pathlib import Path

import pytest

from tests.conversation.exports import chatgpt, entry, write
from tui.conversation.conversation import ID
from tui.import_export.importer import import_file
from tui.storage.errors import StoreError
from tui.storage.store import Store


def test_a_conversation_from_chatgpt(store: Store, tmp_path: Path) -> None:
    imported = import_file(store, write(tmp_path / "conversations.json", [chatgpt(), chatgpt(mapping={})]))
    assert imported.left_out == {
        "image_asset_pointer": 1,
        "message to a tool": 1,
        "message of a tool": 1,
        "conversation without a message": 1,
    }
    (session_id,) = imported.session_ids
    assert session_id == "12345678123412341234123456789abc"
    conversation = store.read(session_id)
    assert (conversation.title, conversation.created, conversation.updated) == ("Sums", 1700000000.5, 1700000100.25)
    tree = conversation.tree
    assert [(node.role, node.text) for node in tree.path()] == [
        ("user", "What is 2 + 2?\n\n[image_asset_pointer left out]"),
        ("assistant", "Let me compute."),
        ("assistant", "It is 4."),
    ]
    assert tree.hidden() == 1
    question = tree.path()[0].id
    assert [node.text for node in tree.children(question)] == ["Four.", "Let me compute."]


def test_kinds_of_content_from_chatgpt(store: Store, tmp_path: Path) -> None:
    contents = [
        {"content_type": "user_editable_context", "user_profile": "", "user_instructions": "be kind"},
        {
            "content_type": "multimodal_text",
            "parts": [{"content_type": "audio_transcription", "text": "spoken"}, None, 7],
        },
        {"content_type": "thoughts", "thoughts": [{"content": "hm"}]},
        {"content_type": "text", "parts": [""]},
        {"content_type": "text", "parts": []},
        {"content_type": "code", "language": "unknown", "text": ""},
        {"content_type": "code", "language": "unknown", "text": "print()"},
        {"content_type": "text", "parts": "no list"},
    ]
    mapping = {}
    for number, content in enumerate(contents):
        mapping[f"{number}"] = {
            "parent": f"{number - 1}" if number else None,
            "message": {"author": {"role": "assistant"}, "content": content},
        }
    imported = import_file(store, write(tmp_path / "c.json", chatgpt(mapping=mapping, current_node="3")))
    assert imported.left_out == {"user_editable_context": 1, "NoneType": 1, "int": 1, "thoughts": 1, "text": 1}
    tree = store.read(imported.session_ids[0]).tree
    assert [node.text for node in tree] == ["spoken\n\n[NoneType left out]\n\n[int left out]", "print()"]
    assert len(tree.path()) == 1


def test_strange_trees_from_chatgpt(store: Store, tmp_path: Path) -> None:
    circle = {"a": entry("b", ["b"], "user", "x"), "b": entry("a", ["a"], "user", "y")}
    with pytest.raises(StoreError, match="form a cycle"):
        import_file(store, write(tmp_path / "c.json", [chatgpt(mapping=circle)]))
    for mapping in ([], {"a": 3}, None, "text"):
        with pytest.raises(StoreError, match="mapping is not an object"):
            import_file(store, write(tmp_path / "c.json", [chatgpt(mapping=mapping)]))
    strange = {
        "orphan": entry("nobody", ["orphan", "x", {}], "user", "hello"),  # type: ignore[list-item]
        "same-1": entry("orphan", [], "user", "one"),
        "12345678-1234-1234-1234-123456789abc": entry("orphan", [], "user", "two"),
        "{12345678123412341234123456789abc}": entry("orphan", [], "user", "three"),
        "role": {"message": {"author": {"role": ["user"]}, "content": {"parts": ["x"]}}},
        "message": {"message": [], "parent": {}},
    }
    changes = {"title": 7, "create_time": "x", "update_time": -1, "current_node": {}, "conversation_id": ["../x"]}
    imported = import_file(store, write(tmp_path / "c.json", chatgpt(mapping=strange, **changes)))
    conversation = store.read(imported.session_ids[0])
    assert ID.fullmatch(conversation.id)
    assert sorted(node.text for node in conversation.tree) == ["hello", "one", "three", "two"]


def test_a_very_long_conversation(store: Store, tmp_path: Path) -> None:
    mapping = {f"{n}": entry(f"{n - 1}" if n else None, [f"{n + 1}"], "user", "x") for n in range(5000)}
    imported = import_file(store, write(tmp_path / "c.json", chatgpt(mapping=mapping, current_node="4999")))
    assert len(store.read(imported.session_ids[0]).tree.path()) == 5000
