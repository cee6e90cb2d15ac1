"""The store: what was written is there again, to the last detail, whatever was done and in whatever order."""

import os
import sqlite3
import stat
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.conversation.conversations import DONE, head, shape, talk
from tui.conversation.conversation import Conversation
from tui.conversation.tree import Node, Outcome, Tree
from tui.storage.errors import StoreError
from tui.storage.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data" / "sessions.db")


class Life(RuleBasedStateMachine):
    """Any operations on a conversation, saved and opened again at any time: it stays the same conversation."""

    directory: Path
    number = 0

    @initialize()
    def start(self) -> None:
        Life.number += 1
        self.store = Store(self.directory / f"{Life.number}.db")
        self.conversation = Conversation()
        self.growing: Node | None = None
        self.before: str | None = None
        self.deleted = False

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            assert self.store.trouble == ""

    @property
    def tree(self) -> Tree:
        return self.conversation.tree

    def some_node(self, data: st.DataObject) -> Node:
        return data.draw(st.sampled_from([node for node in self.tree if not node.growing]))

    @precondition(lambda self: self.growing is None)
    @rule(text=st.text(max_size=20))
    def say(self, text: str) -> None:
        self.tree.add("user", text)

    @precondition(lambda self: self.growing is None)
    @rule(data=st.data(), way=st.sampled_from(["begin", "regenerate", "resume"]))
    def ask(self, data: st.DataObject, way: str) -> None:
        self.before = self.tree.tip
        if way == "begin" or not len(self.tree):
            self.growing = self.tree.begin("assistant")
        elif way == "regenerate":
            self.growing = self.tree.regenerate(self.some_node(data).id)
        else:
            self.growing = self.tree.resume(self.some_node(data).id, "")

    @precondition(lambda self: self.growing)
    @rule(text=st.text(max_size=20))
    def grow(self, text: str) -> None:
        assert self.growing
        self.tree.grow(self.growing.id, text)

    @precondition(lambda self: self.growing)
    @rule(ids=st.lists(st.integers(0, 2**32 - 1), max_size=5), outcome=st.none() | st.just(DONE))
    def settle(self, ids: list[int], outcome: Outcome | None) -> None:
        assert self.growing
        self.tree.settle(self.growing.id, tuple(ids), outcome)
        self.growing = None

    @precondition(lambda self: self.growing)
    @rule()
    def abandon(self) -> None:
        assert self.growing
        self.tree.abandon(self.growing.id, self.before)
        self.growing = None

    @precondition(lambda self: any(not node.growing for node in self.tree) and not self.growing)
    @rule(data=st.data(), text=st.text(max_size=20), way=st.sampled_from(["move", "walk", "edit", "before all"]))
    def go(self, data: st.DataObject, text: str, way: str) -> None:
        node = self.some_node(data)
        if way == "move":
            self.tree.move(node.id)
        elif way == "walk":
            self.tree.walk(node.id, data.draw(st.sampled_from([-1, 1])))
        elif way == "edit":
            self.tree.edit(node.id, text)
        else:
            self.tree.move(None)

    @rule(title=st.text(max_size=20), draft=st.text(max_size=20), pinned=st.booleans(), when=st.floats(0, 1e10))
    def describe(self, title: str, draft: str, pinned: bool, when: float) -> None:
        c = self.conversation
        c.title, c.draft, c.pinned, c.updated, c.settings = (
            title,
            draft,
            pinned,
            when,
            {"system": title, "stop": [draft]},
        )

    @rule()
    def save(self) -> None:
        self.store.save(self.conversation)
        self.deleted = False

    @precondition(lambda self: not self.deleted and self.store.holds(self.conversation.id))
    @rule()
    def delete(self) -> None:
        self.store.delete(self.conversation)
        assert not self.store.sessions(5)
        self.deleted = True

    @precondition(lambda self: not self.growing)
    @rule(anew=st.booleans())
    def open_again(self, anew: bool) -> None:
        self.save()
        if anew:
            self.store.close()
            self.store = Store(self.store.file)
        else:
            self.store.release(self.conversation.id)
        before, self.conversation = self.conversation, self.store.open(self.conversation.id)
        assert self.store.holds(self.conversation.id)
        assert (head(self.conversation), shape(self.tree)) == (head(before), shape(before.tree))

    @precondition(lambda self: self.growing)
    @rule()
    def die(self) -> None:
        """The process ends while a reply grows: another one marks what came so far, or drops what never came."""
        assert self.growing
        self.save()
        self.store.close()
        self.store = Store(self.store.file)
        before, self.conversation = self.tree, self.store.open(self.conversation.id)
        if before[self.growing.id].text:
            node = self.tree[self.growing.id]
            assert (node.growing, node.text, node.token_ids) == (False, before[self.growing.id].text, ())
            assert node.outcome is not None and node.outcome.reason == "interrupted"
            assert self.tree.tip == before.tip
        else:
            assert self.growing.id not in self.tree
            assert self.tree.tip == self.growing.parent
        self.growing = None

    @invariant()
    def what_is_on_disk_is_what_was_saved(self) -> None:
        if hasattr(self, "store") and self.store.holds(self.conversation.id):
            saved = self.store.read(self.conversation.id)
            image = self.store._images[self.conversation.id]
            assert list(saved.tree) == list(image.record.nodes.values())


def test_any_life(tmp_path: Path) -> None:
    Life.directory = tmp_path
    case = Life.TestCase
    case.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
    case().runTest()


def test_nobody_else_can_read_it_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = Store(tmp_path / "deep" / "data" / "sessions.db")
        store.save(talk("hello"))
    finally:
        os.umask(before)
    for path in (store.file.parent, *store.file.parent.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert len(list(store.file.parent.iterdir())) == 4  # the database, its log, its shared memory, the locks


def test_a_list_has_the_pinned_first_then_what_was_used_last(store: Store) -> None:
    for number in range(5):
        conversation = talk(f"number {number}\nand more")
        conversation.updated, conversation.pinned = number, number == 1
        store.save(conversation)
    assert [listing.shown_title[7] for listing in store.sessions(10)] == ["1", "4", "3", "2", "0"]
    assert [listing.shown_title[7] for listing in store.sessions(2, 1)] == ["4", "3"]


def test_a_title_is_what_was_given_or_the_first_words_or_the_draft(store: Store) -> None:
    conversation = Conversation("story", draft="Once\x1b upon")
    store.save(conversation)

    def title() -> str:
        (listing,) = store.sessions(2)
        assert listing.shown_title == conversation.shown_title
        return listing.shown_title

    assert title() == "Once␛ upon"
    first = conversation.tree.add("author", "First " + "word " * 100)
    store.save(conversation)
    assert title().startswith("First word") and len(title()) == 60
    conversation.tree.edit(first.id, "Second")
    store.save(conversation)
    assert title() == "Second"
    conversation.tree.move(None)
    store.save(conversation)
    assert title() == "Second"
    conversation.title = "Given"
    store.save(conversation)
    assert title() == "Given"
    store.save(Conversation("story", updated=0))
    assert store.sessions(1, 1)[0].shown_title == "New story"


def test_a_file_is_a_title_by_its_name_and_a_command_is_none(store: Store) -> None:
    conversation = Conversation(draft="/file notes.txt")
    assert conversation.shown_title == "New chat"
    conversation.tree.add("user", "notes.txt:\n```\none\n```\nwhat is it?")
    store.save(conversation)
    assert store.sessions(1)[0].shown_title == conversation.shown_title == "notes.txt"
    assert Conversation("story", draft="/ a slash").shown_title == "/ a slash"


def test_text_that_no_file_can_hold_is_kept_as_far_as_can_be(store: Store) -> None:
    conversation = talk("half \ud83d", "whole \ud83d\ude42", "nothing \0 lost")
    conversation.title = conversation.draft = "\udc00"
    store.save(conversation)
    assert store.trouble == ""
    texts = [node.text for node in store.read(conversation.id).tree]
    assert texts == ["half \N{REPLACEMENT CHARACTER}", "whole 🙂", "nothing \0 lost"]


def test_a_save_writes_only_what_has_changed(store: Store) -> None:
    conversation = talk(*"abcdefgh")
    store.save(conversation)
    statements: list[str] = []
    store._connected().set_trace_callback(statements.append)
    reply = conversation.tree.begin("assistant")
    store.save(conversation)
    conversation.tree.grow(reply.id, "word")
    store.save(conversation)
    store.save(conversation)
    # The tip, the new node, and its parent, which was entered; then the node alone; then nothing.
    # A statement is traced again when its triggers have run.
    words = [sql.split() for sql in dict.fromkeys(statements)]
    tables = [
        word[2] if word[0] == "INSERT" else word[1] for word in words if word[0] in ("INSERT", "UPDATE", "DELETE")
    ]
    assert tables == ["sessions", *["nodes"] * 3]


def test_what_is_not_there_is_said(store: Store) -> None:
    for ask in (store.read, store.open):
        with pytest.raises(StoreError, match="has no session 0123"):
            ask("0123" * 8)
    with pytest.raises(StoreError, match="Invalid session id"):
        store.open("../../etc/passwd")
    assert store.ids("") == []


def test_ids_can_be_shortened(store: Store) -> None:
    conversations = [Conversation(id=f"{number:032x}") for number in (0xA << 124, 0xAB << 120, 0xC << 124)]
    for conversation in conversations:
        store.save(conversation)
    assert store.ids("ab") == [conversations[1].id]
    assert len(store.ids("a")) == 2
    assert store.ids("%") == store.ids("b") == []


def test_opening_twice_is_a_mistake(store: Store) -> None:
    conversation = talk("hello")
    store.save(conversation)
    with pytest.raises(ValueError, match="open already"):
        store.open(conversation.id)


def test_rows_that_make_no_conversation_are_called_damaged(store: Store) -> None:
    damages = (
        "UPDATE nodes SET parent = 'nobody'",
        "UPDATE sessions SET tip = 'nobody'",
        "UPDATE nodes SET outcome = '{'",
        "UPDATE nodes SET outcome = '{}'",
        "UPDATE nodes SET token_ids = x'01'",
        "UPDATE nodes SET token_ids = 'text'",
        "UPDATE nodes SET text = x'ff'",
        "UPDATE nodes SET role = 7",
        "UPDATE sessions SET settings = '[}'",
        "UPDATE sessions SET settings = '[]'",
        "UPDATE sessions SET draft = x'ff'",
        "UPDATE sessions SET mode = 'poem'",
        "UPDATE sessions SET updated = 'soon'",
    )
    for damage in damages:
        conversation = talk("hello")
        store.save(conversation)
        store.release(conversation.id)
        with sqlite3.connect(store.file) as db:
            db.execute(f"{damage} WHERE {'session' if 'nodes' in damage else 'number'} = 1")
        with pytest.raises(StoreError):
            store.open(conversation.id)
        with sqlite3.connect(store.file) as db:
            db.execute("PRAGMA foreign_keys = ON")
            db.execute("DELETE FROM sessions")
        db.close()
