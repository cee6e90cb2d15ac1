"""Rows that another program, a fault or a malicious hand has changed: named, and in nobody's way."""

import json
import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from textual.message_pump import MessagePump

from tests.attack.conftest import Attack
from tui.config.settings import Settings
from tui.conversation.conversation import Conversation
from tui.conversation.tree import Outcome
from tui.formatting.reply_details import made
from tui.formatting.sampling import own
from tui.formatting.units import age
from tui.import_export.exporter import WRITERS
from tui.services.models import ModelManager
from tui.services.sessions import SessionManager
from tui.storage.errors import StoreError
from tui.storage.store import Store

HOSTILE = (
    *(0, -1, 2**63 - 1, 1e300, float("inf"), -float("inf"), 5e11, 1e11, -5.0, "", "x", "\0", "a" * 100_000),
    *(b"", b"\xff\xfe\x00", b"1" * 7, "[]", "{}", "null", "[" * 5000, '{"a":' * 5000, "NaN", '"text"', "\x1b]0;x\a"),
    *(
        '{"precision": []}',
        '{"precision": "int9"}',
        '{"sampling": {"seed": 1%s}}' % ("0" * 400),
        '{"system": {"a": 1}}',
    ),
    *('{"sampling": {"temperature": NaN, "stop": "x"}}', '{"system": "\\ud800"}', "chat", "story", "assistant"),
)
SESSION = ("id", "title", "mode", "model", "tip", "root", "pinned", "created", "updated", "settings", "draft")
NODE = ("id", "parent", "entered", "role", "text", "token_ids", "outcome", "growing")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    store = Store(tmp_path / "s.db")
    for number in range(3):
        conversation = Conversation(title=f"session {number}", updated=1e9 + number)
        tree = conversation.tree
        tree.add("user", "question")
        node = tree.begin("assistant")
        tree.grow(node.id, "answer")
        tree.settle(node.id, (5, 6), Outcome("stop", 5, 0, 2, 0.1, 0.2, 3, {"temperature": 0.5}, "guide"))
        store.save(conversation)
    store.close()
    return tmp_path / "s.db"


def use(file: Path) -> int:
    """All that a start and a look around do with a database; returns how many sessions could be opened."""
    opened = 0
    library = SessionManager(Store(file), None)  # type: ignore[arg-type]
    models = ModelManager(MessagePump(), Settings(), None)
    try:
        lines = library.lines()
        library.listings.filter("session")
        library.lines()
        library.listings.filter("")
        latest, typed = library.latest(), library.typed(10)
        assert latest is None or isinstance(latest, str)
        assert all(isinstance(text, str) for text in typed)
        for text in ("question", "sess", "C++", "東"):
            library.store.search(text)
        assert len(lines) == 3
        for line in lines:
            assert len(age(2e9 - line.updated)) <= 3
            assert line.title
            try:
                session = library.open(line.id)
            except StoreError as error:
                assert str(error)
                continue
            opened += 1
            own(session.settings)
            hash(models.choice(session))
            session.messages(session.tree.path(), "guide")
            for node in session.tree:
                made(node.outcome, None)
            for write in WRITERS.values():
                write(session.conversation)
            session.put_draft("typed")
            library.save(session)
            library.leave(session)
    finally:
        library.close()
    return opened


def test_each_column_with_what_it_cannot_be(file: Path, attack: Attack, rounds: int) -> None:
    pristine = file.read_bytes()
    chance = random.Random(rounds)
    ways = [("sessions", name, value) for name in SESSION for value in HOSTILE]
    ways += [("nodes", name, value) for name in NODE for value in HOSTILE]
    for table, column, value in ways if rounds > 1 else chance.sample(ways, 80):
        for each in file.parent.glob(file.name + "*"):
            if each.is_file():
                each.unlink()
        file.write_bytes(pristine)
        with closing(sqlite3.connect(file)) as db:
            try:
                if isinstance(value, str):  # bytes that are no UTF-8 in a text column too
                    db.execute(f"UPDATE {table} SET {column} = CAST(? AS TEXT) WHERE number = 2", (value.encode(),))
                else:
                    db.execute(f"UPDATE {table} SET {column} = ? WHERE number = 2", (value,))
                db.commit()
            except sqlite3.Error:
                continue  # the database itself refuses it
        with attack("mutated rows"):
            assert use(file) >= 2


@pytest.mark.parametrize("settings", [{"precision": []}, {"sampling": 5}, {"system": ["a"]}, {"deep": [[[[[]]]]]}])
def test_a_session_is_more_than_its_settings(file: Path, settings: dict[str, Any]) -> None:
    with closing(sqlite3.connect(file)) as db:
        db.execute("UPDATE sessions SET settings = ?, updated = 5e11 WHERE number = 2", (json.dumps(settings),))
        db.commit()
    store = Store(file)
    (latest, *_) = store.sessions(5)
    conversation = store.open(latest.id)
    assert [node.text for node in conversation.tree.path()] == ["question", "answer"]
    assert conversation.settings == {name: value for name, value in settings.items() if name == "deep"}
    assert conversation.updated == latest.updated == 250_000_000_000.0
    store.close()


def test_bytes_that_are_no_text_hide_no_other_session(file: Path) -> None:
    with closing(sqlite3.connect(file)) as db:
        db.execute("UPDATE sessions SET title = CAST(x'61ff62' AS TEXT) WHERE number = 2")
        db.commit()
    store = Store(file)
    assert sorted(listing.title for listing in store.sessions(5)) == [
        "a\N{REPLACEMENT CHARACTER}b",
        "session 0",
        "session 2",
    ]
    store.close()


def test_what_is_damaged_is_named_when_it_is_opened(file: Path) -> None:
    with closing(sqlite3.connect(file)) as db:
        db.execute("UPDATE nodes SET role = 'god' WHERE number = 3")
        db.commit()
    store = Store(file)
    damaged = store.sessions(5)[1]
    with pytest.raises(StoreError, match=rf"damaged \(session {damaged.id[:8]}: a node has the role 'god'"):
        store.open(damaged.id)
    store.close()
