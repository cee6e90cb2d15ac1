"""Passages of documents belong to the question that they were found for, whatever becomes of the conversation."""

import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tui.conversation.conversation import Conversation
from tui.conversation.quotes import Quote, with_quotes
from tui.conversation.tree import Tree
from tui.import_export import native_json
from tui.storage.errors import StoreError
from tui.storage.store import Store

PUMP = Quote("notes/pump.md", "/home/me/notes/pump.md", 40, "Pumps > Cleaning", "Clean it in May.\n", ("Clean",))
ROOF = Quote("roof.txt", "/home/me/roof.txt", 1, "roof.txt", "Nineteen tiles.")


@pytest.fixture
def conversation() -> Conversation:
    """A question with two passages, its reply, and a question for which none were found."""
    conversation = Conversation(model="tiny", settings={"system": "Be brief.", "documents": ["notes"]})
    tree = conversation.tree
    tree.quote(tree.add("user", "When do I clean it?").id, (PUMP, ROOF))
    tree.settle(tree.grow(tree.begin("assistant").id, "In May [1].").id, (), None)
    tree.quote(tree.add("user", "Thanks").id, ())
    return conversation


def quotes(tree: Tree) -> list[tuple[Quote, ...] | None]:
    return [node.quotes for node in tree.path()]


def test_they_stand_before_the_question_in_the_message_of_the_user(conversation: Conversation) -> None:
    system, question, reply, thanks = conversation.messages(conversation.tree.path(), "tiny")
    assert system == {"role": "system", "content": "Be brief."}
    assert [question["role"], reply["content"], thanks["content"]] == ["user", "In May [1].", "Thanks"]
    opening, *parts = question["content"].split("\n\n")
    assert "[1]" in opening
    assert parts == [
        "[1] notes/pump.md > Pumps > Cleaning\nClean it in May.",
        "[2] roof.txt\nNineteen tiles.",
        "Question: When do I clean it?",
    ]
    assert with_quotes("as it is", ()) == "as it is"


def test_a_question_is_given_passages_once(conversation: Conversation) -> None:
    question, reply, thanks = conversation.tree.path()
    for node in (question, reply, thanks):
        with pytest.raises(ValueError, match="once"):
            conversation.tree.quote(node.id, (ROOF,))


def test_a_fork_and_a_summary_keep_them_and_an_edited_question_has_none(conversation: Conversation) -> None:
    tree = conversation.tree
    before = tree.path()
    assert tree.tip is not None and quotes(tree.fork(tree.tip)) == quotes(tree) == [(PUMP, ROOF), None, ()]
    tree.compact(replace(before[1], role="system", text="Summary"), before[:2])
    assert quotes(tree) == [None, (PUMP, ROOF), None]
    assert tree.edit(before[0].id, "And the roof?").quotes is None


def test_they_survive_the_program_and_what_is_found_later_is_saved_too(
    conversation: Conversation, tmp_path: Path
) -> None:
    store = Store(tmp_path / "sessions.db")
    last = conversation.tree.add("user", "And the roof?")
    store.save(conversation)
    conversation.tree.quote(last.id, (ROOF,))
    store.save(conversation)
    store.close()
    again = Store(tmp_path / "sessions.db").open(conversation.id)
    assert again.tree.path() == conversation.tree.path() and quotes(again.tree)[-1] == (ROOF,)
    assert again.settings["documents"] == ["notes"]


def test_they_are_in_the_export(conversation: Conversation) -> None:
    again = native_json.read(json.loads(native_json.write(conversation)))
    assert again.tree.path() == conversation.tree.path()


def test_an_export_of_an_older_program_has_none(conversation: Conversation) -> None:
    value = json.loads(native_json.write(conversation))
    for node in value["nodes"]:
        del node["quotes"]
    assert quotes(native_json.read(value).tree) == [None, None, None]


def test_of_a_reply_they_mean_nothing(conversation: Conversation) -> None:
    value = json.loads(native_json.write(conversation))
    value["nodes"][1]["quotes"] = value["nodes"][0]["quotes"]
    assert quotes(native_json.read(value).tree)[1] is None


def test_documents_that_are_no_list_are_not_attached(conversation: Conversation) -> None:
    value = json.loads(native_json.write(conversation)) | {"settings": {"documents": "notes"}}
    assert native_json.read(value).settings == {}


WRONG = (
    *("x", 1, {}, [1], [[]], [{}]),
    *([{"line": 1}], [{**PUMP.__dict__, "line": -1}], [{**PUMP.__dict__, "line": 10**12}]),
    *([{**PUMP.__dict__, "line": True}], [{**PUMP.__dict__, "path": None}], [{**PUMP.__dict__, "text": 3}]),
    *([{**PUMP.__dict__, "words": "Clean"}], [{**PUMP.__dict__, "words": [1]}]),
)


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_what_is_no_passage_is_refused_with_a_sentence(conversation: Conversation, wrong: Any) -> None:
    value = json.loads(native_json.write(conversation))
    value["nodes"][0]["quotes"] = wrong
    with pytest.raises(ValueError, match=r"passage|is not a"):
        native_json.read(value)


@pytest.mark.parametrize("wrong", ["x", "[1]", b"\xff", 7, "[" * 5000, '[{"name": "\\ud800"}]'], ids=repr)
def test_a_damaged_row_is_named(conversation: Conversation, tmp_path: Path, wrong: object) -> None:
    file = tmp_path / "sessions.db"
    store = Store(file)
    store.save(conversation)
    store.close()
    with sqlite3.connect(file) as db:
        db.execute("UPDATE nodes SET quotes = ?", (wrong,))
    db.close()
    store = Store(file)
    with pytest.raises(StoreError, match=conversation.id[:8]):
        store.read(conversation.id)
    store.close()


def test_a_database_of_an_older_program_is_migrated(conversation: Conversation, tmp_path: Path) -> None:
    file = tmp_path / "sessions.db"
    store = Store(file)
    store.save(conversation)
    store.close()
    with sqlite3.connect(file) as db:
        db.execute("ALTER TABLE nodes DROP COLUMN quotes")
        db.execute("DROP TABLE writer_pages")
        db.execute("PRAGMA user_version = 2")
    db.close()
    store = Store(file)
    assert quotes(store.read(conversation.id).tree) == [None, None, None]
    store.save(other := Conversation(tree=conversation.tree))
    assert store.trouble == "" and quotes(store.read(other.id).tree) == quotes(conversation.tree)
    store.close()
