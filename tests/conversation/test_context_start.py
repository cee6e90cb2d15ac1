"""What is left out of a full context is noted with the reply that began without it, and survives all ways of going."""

import sqlite3
from pathlib import Path

import pytest

from tui.conversation.conversation import Conversation
from tui.conversation.tree import Node, Outcome, Tree, in_context
from tui.import_export import fine_tuning, html, markdown, native_json
from tui.storage import schema
from tui.storage.store import Store

STOPPED = Outcome("stop", 9, 0, 3, 0.1, 1.0, 7, {}, "tiny")


def talk(turns: int = 3) -> Conversation:
    conversation = Conversation(title="Talk", model="tiny")
    for number in range(turns):
        conversation.tree.add("user", f"question {number}")
        reply(conversation.tree, f"answer {number}")
    return conversation


def reply(tree: Tree, text: str, context_start: str | None = None) -> Node:
    node = tree.begin("assistant", context_start=context_start)
    tree.grow(node.id, text)
    return tree.settle(node.id, (), STOPPED)


@pytest.fixture
def cut() -> Conversation:
    """After three turns, a fourth whose reply was begun without the first two."""
    conversation = talk()
    start = conversation.tree.path()[4].id
    conversation.tree.add("user", "question 3")
    reply(conversation.tree, "answer 3", start)
    return conversation


def texts(conversation: Conversation) -> list[str]:
    return [str(message["content"]) for message in conversation.messages(conversation.tree.path(), "tiny")]


def test_the_oldest_turns_are_not_in_the_prompt(cut: Conversation) -> None:
    cut.settings["system"] = "Be brief."
    assert texts(cut) == ["Be brief.", "question 2", "answer 2", "question 3", "answer 3"]
    assert len(cut.tree.path()) == 8, "and nothing is lost"
    cut.tree.add("user", "question 4")
    assert texts(cut)[1] == "question 2", "later turns go on so"


def test_going_back_before_that_reply_has_all_turns_again(cut: Conversation) -> None:
    tip, before = cut.tree.tip, cut.tree.path()[-2]
    cut.tree.move(before.id)
    assert texts(cut)[0] == "question 0" and len(texts(cut)) == 7
    cut.tree.move(tip)
    assert texts(cut)[0] == "question 2"


def test_other_versions_of_that_reply_see_the_same(cut: Conversation) -> None:
    last = cut.tree.path()[-1]
    assert cut.tree.regenerate(last.id).context_start == last.context_start
    assert cut.tree.resume(last.id, "tiny").context_start == last.context_start
    later = cut.tree.path()[6].id
    assert cut.tree.resume(last.id, "tiny", later).context_start == later
    assert texts(cut)[0] == "question 3"


def test_a_fork_leaves_the_same_turns_out(cut: Conversation) -> None:
    assert cut.tree.tip
    twin = cut.tree.fork(cut.tree.tip)
    assert [node.text for node in in_context(twin.path())] == texts(cut)
    assert {node.id for node in twin}.isdisjoint(node.id for node in cut.tree)


def test_a_summary_joins_the_system_prompt_and_its_turns_are_a_branch() -> None:
    conversation = talk()
    conversation.settings["system"] = "Be brief."
    tree, before = conversation.tree, conversation.tree.path()
    tree.compact(Node("", None, "system", "Summary: two questions.", outcome=STOPPED), before[4:])
    assert texts(conversation) == ["Be brief.\n\nSummary: two questions.", "question 2", "answer 2"]
    assert tree.place(tree.path()[0].id) == (2, 2)
    tree.walk(tree.path()[0].id, -1)
    assert tree.path() == before
    tree.walk(tree.path()[0].id, 1)
    assert [node.role for node in tree.path()] == ["system", "user", "assistant"]


def test_a_summary_stays_when_turns_after_it_are_left_out() -> None:
    conversation = talk()
    path = conversation.tree.path()
    conversation.tree.compact(Node("", None, "system", "Summary"), path[2:])
    start = conversation.tree.path()[3].id
    conversation.tree.add("user", "question 3")
    reply(conversation.tree, "answer 3", start)
    assert texts(conversation) == ["Summary", "question 2", "answer 2", "question 3", "answer 3"]


def test_a_message_is_taken_back_only_without_a_reply() -> None:
    conversation = talk(1)
    question, answer = conversation.tree.path()
    with pytest.raises(ValueError, match="children"):
        conversation.tree.take_back(question.id)
    added = conversation.tree.add("user", "too long")
    conversation.tree.take_back(added.id)
    assert conversation.tree.tip == answer.id and added.id not in conversation.tree
    assert conversation.tree.latest(answer.id) == answer.id


def test_it_survives_the_program(cut: Conversation, tmp_path: Path) -> None:
    store = Store(tmp_path / "sessions.db")
    store.save(cut)
    store.close()
    again = Store(tmp_path / "sessions.db").open(cut.id)
    assert texts(again) == texts(cut) and again.tree.path() == cut.tree.path()


def test_it_is_in_the_export(cut: Conversation) -> None:
    import json

    again = native_json.read(json.loads(native_json.write(cut)))
    assert texts(again) == texts(cut)


def test_markdown_says_it_and_reads_it(cut: Conversation) -> None:
    text = markdown.write(cut)
    assert "left out of the context: the first 4" in text
    again = markdown.read(text)
    assert texts(again) == texts(cut) and len(again.tree.path()) == 8
    assert markdown.write(again) == text.replace('["tiny"]', '["Model"]').replace("## tiny", "## Model")
    assert "left out" not in markdown.write(talk())


@pytest.mark.parametrize("count", ["0", "8", "9", "999999999"])
def test_markdown_that_leaves_everything_out_leaves_nothing_out(cut: Conversation, count: str) -> None:
    text = markdown.write(cut).replace("the first 4", f"the first {count}")
    assert len(texts(markdown.read(text))) == 8


def test_a_page_says_it(cut: Conversation) -> None:
    page = html.write(cut)
    assert page.count("left out of the context</h2>") == 4 and page.count(' left-out"') == 4


def test_what_was_left_out_is_there_for_fine_tuning(cut: Conversation) -> None:
    assert "question 0" in fine_tuning.write(cut)


@pytest.mark.parametrize("start", ["f" * 32, "", "not an id"])
def test_an_import_that_names_another_message_leaves_nothing_out(cut: Conversation, start: str) -> None:
    import json

    value = json.loads(native_json.write(cut))
    value["nodes"][-1]["context_start"] = start
    assert len(texts(native_json.read(value))) == 8
    for node in value["nodes"]:
        del node["context_start"]  # of an older llm-tui
    assert len(texts(native_json.read(value))) == 8


def test_an_older_database_is_migrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, conversation = tmp_path / "sessions.db", talk()
    Store(file).close()
    with sqlite3.connect(file) as db:
        db.execute("ALTER TABLE nodes DROP COLUMN context_start")
        db.execute("ALTER TABLE nodes DROP COLUMN quotes")
        db.execute("DROP TABLE writer_pages")
        db.execute("PRAGMA user_version = 1")
    db.close()
    store = Store(file)
    store.save(conversation)
    assert store.trouble == "" and texts(store.read(conversation.id)) == texts(conversation)
    version = store._connected().execute("PRAGMA user_version").fetchone()
    assert version == (len(schema.MIGRATIONS),)
    store.close()
