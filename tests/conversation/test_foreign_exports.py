"""What other programs export: Claude, Open WebUI, ChatGPT's marks, and archives with any of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conversation.exports import GOOD, OTHER, archive, chatgpt, claude, entry, open_webui, write
from tui.import_export import archive as archives
from tui.import_export.importer import Imported, import_file
from tui.storage.errors import StoreError
from tui.storage.store import Store


def said(store: Store, session_id: str) -> list[tuple[str, str]]:
    return [(node.role, node.text) for node in store.read(session_id).tree.path()]


# ---- Claude


def test_a_conversation_from_claude(store: Store, tmp_path: Path) -> None:
    imported = import_file(
        store, write(tmp_path / "conversations.json", [claude(), claude(uuid="x", chat_messages=[])])
    )
    (session_id,) = imported.session_ids
    assert session_id == "12345678123412341234123456789abc"
    assert imported.left_out == {
        "thinking": 1,
        "tool_use": 1,
        "tool_result": 1,
        "file": 1,
        "conversation without a message": 1,
    }
    conversation = store.read(session_id)
    assert (conversation.title, conversation.created, conversation.updated) == ("Sums", 1714979289.5, 1714979350.0)
    assert said(store, session_id) == [
        ("user", "What is in it?\n\na.txt:\n\ntwo plus two\n\n[file b.png left out]"),
        ("assistant", "A sum.\n\nFour."),
        ("user", "Thanks"),
    ]


def test_versions_from_claude_are_branches(store: Store, tmp_path: Path) -> None:
    root = "00000000-0000-4000-8000-000000000000"
    messages = [
        {"uuid": "1", "parent_message_uuid": root, "sender": "human", "text": "first"},
        {"uuid": "2", "parent_message_uuid": "1", "sender": "assistant", "text": "one"},
        {"uuid": "3", "parent_message_uuid": "1", "sender": "assistant", "text": "another"},
        {"uuid": "4", "parent_message_uuid": root, "sender": "human", "text": "edited"},
    ]
    value = claude(chat_messages=messages, current_leaf_message_uuid="2")
    tree = store.read(import_file(store, write(tmp_path / "c.json", value)).session_ids[0]).tree
    assert [node.text for node in tree.path()] == ["first", "one"]
    assert [node.text for node in tree.children(None)] == ["first", "edited"]
    assert [node.text for node in tree.siblings(tree.path()[1].id)] == ["one", "another"]


# ---- Open WebUI


def test_a_conversation_from_open_webui(store: Store, tmp_path: Path) -> None:
    imported = import_file(store, write(tmp_path / "chat-export.json", [open_webui()]))
    (session_id,) = imported.session_ids
    assert imported.left_out == {"image_url": 1, "file": 1}
    conversation = store.read(session_id)
    assert (conversation.title, conversation.pinned, conversation.settings) == (
        "Greetings",
        True,
        {"system": "Be kind."},
    )
    assert (conversation.created, conversation.updated) == (1700000000, 1700000100)
    assert said(store, session_id) == [
        ("user", "Hello?"),
        ("assistant", "Hello!"),
        ("user", "See:\n\n[image_url left out]\n\n[file left out]"),
    ]
    assert [node.text for node in conversation.tree.siblings(conversation.tree.path()[1].id)] == ["Hi.", "Hello!"]


def test_a_chat_of_open_webui_alone(store: Store, tmp_path: Path) -> None:
    imported = import_file(store, write(tmp_path / "chat.json", open_webui()["chat"]))
    assert store.read(imported.session_ids[0]).created == 1700000000


@pytest.mark.parametrize("messages", [{"a": {"parentId": "b", "role": "user"}, "b": {"parentId": "a"}}])
def test_messages_in_a_circle_are_refused(store: Store, tmp_path: Path, messages: dict[str, Any]) -> None:
    with pytest.raises(StoreError, match="form a cycle"):
        import_file(store, write(tmp_path / "c.json", {"history": {"messages": messages}}))


# ---- all of them


@pytest.mark.parametrize("value", [chatgpt(conversation_id="no uuid"), claude(uuid=None), open_webui(id=None)])
def test_the_same_file_twice_doubles_nothing(store: Store, tmp_path: Path, value: dict[str, Any]) -> None:
    file = write(tmp_path / "c.json", [value])
    (session_id,) = import_file(store, file).session_ids
    conversation = store.open(session_id)
    conversation.tree.add("user", "gone on with")
    conversation.title = "renamed"
    store.save(conversation)
    assert import_file(store, file).here == 1
    assert [listing.title for listing in store.sessions(5)] == ["renamed"]


def test_a_model_that_is_not_here_is_none(store: Store, tmp_path: Path) -> None:
    values = [json.loads(GOOD) | {"model": "mine"}, json.loads(OTHER) | {"model": "theirs"}]
    imported = import_file(store, write(tmp_path / "s.json", values), lambda name: name == "mine")
    assert [store.read(session_id).model for session_id in imported.session_ids] == ["mine", ""]
    assert imported.modelless == 1


# ---- ChatGPT's marks


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("It rains \ue200cite\ue202turn0search1\ue201.", "It rains."),
        (
            "It rains.\ue200cite\ue202turn0search1\ue202turn2view0\ue201 It\ue200cite\ue202x\ue201 pours",
            "It rains. It pours",
        ),
        ("A list【12†source】 and 【3:0†a.pdf】.", "A list and."),
        ('Ask \ue200entity\ue202["company","Acme","a firm"]\ue201 now', "Ask Acme now"),
        ("See \ue200url\ue202the page\ue202https://x.y\ue201.", "See the page."),
        ("\ue203It rains.\ue204 \ue206", "It rains. "),
        ("half \ue200cite\ue202turn0", "half citeturn0"),
        ("\ue200entity\ue202[\ue201", ""),
        ("【注意】 stays", "【注意】 stays"),
        ("\ue000 stays", "\ue000 stays"),
    ],
)
def test_citation_marks_are_taken_out_of_answers(store: Store, tmp_path: Path, text: str, shown: str) -> None:
    mapping = {"q": entry(None, ["a"], "user", text), "a": entry("q", [], "assistant", text)}
    imported = import_file(store, write(tmp_path / "c.json", chatgpt(mapping=mapping)))
    tree = store.read(imported.session_ids[0]).tree
    assert [node.text for node in tree if node.role == "assistant"] == ([shown] if shown else [])
    assert [node.text for node in tree if node.role == "user"] == [text]


# ---- archives


def test_an_archive(store: Store, tmp_path: Path) -> None:
    members: dict[str, str | bytes] = {
        "user.json": '{"email": "x"}',
        "chat.html": "<html>",
        "conversations.json": json.dumps([claude()]),
        "picture.png": b"\x89PNG",
    }
    imported = import_file(store, archive(tmp_path / "export.zip", members))
    assert (imported.session_ids, imported.refused) == (["12345678123412341234123456789abc"], [])


def test_an_archive_in_parts_and_one_of_exports(store: Store, tmp_path: Path) -> None:
    parts: dict[str, str | bytes] = {"x/conversations-000.json": f"[{GOOD}]", "x/conversations-001.json": f"[{OTHER}]"}
    assert len(import_file(store, archive(tmp_path / "parts.zip", parts)).session_ids) == 2
    own: dict[str, str | bytes] = {"../../1.json": GOOD, "/etc/2.md": "## User\n\nhello\n", "__MACOSX/1.json": "junk"}
    imported = import_file(store, archive(tmp_path / "own.zip", own))
    assert (len(imported.session_ids), imported.here, imported.refused) == (1, 1, [])


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({}, "invalid ZIP archive"),
        ({"a.txt": "x"}, "contains no conversations.json"),
        ({"a.json": "[" + " " * 5_000_000}, "decompresses to more than 200 times its size"),
        ({"conversations.json": f"[{GOOD},"}, "cut short"),
    ],
)
def test_archives_that_are_no_good(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, members: dict[str, str | bytes], words: str
) -> None:
    monkeypatch.setattr(archives, "ALWAYS_ALLOWED", 2**20)
    file = archive(tmp_path / "x.zip", members)
    if not members:
        file.write_bytes(b"PK\x03\x04" + file.read_bytes())
        words = "contains no conversations.json"
    try:
        imported = import_file(store, file)
    except StoreError as error:
        imported = Imported(refused=[str(error)])
    assert words in imported.refused[0]


def test_a_locked_archive_is_refused(store: Store, tmp_path: Path) -> None:
    content = bytearray(archive(tmp_path / "x.zip", {"conversations.json": f"[{GOOD}]"}).read_bytes())
    for at in (6, content.rindex(b"PK\x01\x02") + 8):
        content[at] |= 1
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(StoreError, match=r"invalid ZIP archive .*encrypted"):
        import_file(store, tmp_path / "x.zip")


def test_an_archive_that_is_cut_short(store: Store, tmp_path: Path) -> None:
    whole = archive(tmp_path / "x.zip", {"conversations.json": f"[{GOOD}]"}).read_bytes()
    for length in range(5, len(whole), 97):
        (tmp_path / "x.zip").write_bytes(whole[:length])
        with pytest.raises(StoreError, match="invalid ZIP archive"):
            import_file(store, tmp_path / "x.zip")
