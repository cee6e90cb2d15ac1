"""JSON lines: what programs that train models read, and what this one reads of theirs."""

import json
from pathlib import Path

import pytest

from tests.conversation.conversations import talk
from tui.conversation.conversation import Conversation
from tui.import_export.exporter import WRITERS
from tui.import_export.importer import import_file
from tui.storage.errors import StoreError
from tui.storage.store import Store


def chat() -> Conversation:
    conversation = Conversation("chat", settings={"system": "Be kind."})
    conversation.tree.add("user", "Hello \u2028 “you”\n")
    conversation.tree.add("assistant", "Hi.")
    return conversation


def test_a_chat_is_one_line_with_its_system_prompt() -> None:
    text = WRITERS["jsonl"](chat())
    assert text.endswith("\n") and text.count("\n") == 1
    assert json.loads(text) == {
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "Hello \u2028 “you”\n"},
            {"role": "assistant", "content": "Hi."},
        ]
    }


def test_only_what_is_shown_is_exported() -> None:
    conversation = chat()
    conversation.tree.edit(conversation.tree.path()[0].id, "Good day.")
    messages = json.loads(WRITERS["jsonl"](conversation))["messages"]
    assert [message["content"] for message in messages] == ["Be kind.", "Good day."]


def test_a_story_is_a_text() -> None:
    conversation = Conversation("story")
    conversation.tree.add("author", "Once")
    conversation.tree.add("author", " upon")
    assert json.loads(WRITERS["jsonl"](conversation)) == {"text": "Once upon"}


def test_lines_are_imported_once_each(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "all.jsonl"
    file.write_text(WRITERS["jsonl"](chat()) + WRITERS["jsonl"](talk("other")) + "\n")
    imported = import_file(store, file)
    assert len(imported.session_ids) == 2 and not imported.refused
    read = store.read(imported.session_ids[0])
    assert read.settings["system"] == "Be kind."
    assert [(node.role, node.text) for node in read.tree] == [("user", "Hello \u2028 “you”\n"), ("assistant", "Hi.")]
    assert import_file(store, file).here == 2


@pytest.mark.parametrize(
    "messages",
    [[{"role": "user"}], [{"role": [], "content": "x"}], ["x"], [{"role": "tool", "content": "x"}], [1]],
)
def test_what_is_no_chat_is_refused(store: Store, tmp_path: Path, messages: object) -> None:
    (tmp_path / "s.jsonl").write_text(json.dumps({"messages": messages}))
    with pytest.raises(StoreError, match=r"messages are not|no role or no text"):
        import_file(store, tmp_path / "s.jsonl")
