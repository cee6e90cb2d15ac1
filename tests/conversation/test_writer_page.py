"""The writer's page is kept with its session: in the database, in exports, in copies."""

import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conversation.conversations import talk
from tests.conversation.lorebooks import card, world_info
from tui.conversation.conversation import Conversation
from tui.conversation.lorebook import read_book
from tui.conversation.serialization import page_value, read_page
from tui.conversation.writer_page import BLANK, MAX_DEPTH, WriterPage
from tui.import_export import native_json
from tui.storage import schema
from tui.storage.errors import StoreError
from tui.storage.store import Store


@pytest.fixture
def page() -> WriterPage:
    books = read_book(world_info()), read_book(card())
    return WriterPage("Skarn is cold.\n", "Slowly.", 5, 200, books)


def same(one: WriterPage, other: WriterPage) -> bool:
    return page_value(one) == page_value(other)


def test_it_survives_the_program_and_is_written_when_it_changes(tmp_path: Path, page: WriterPage) -> None:
    file = tmp_path / "s.db"
    store, conversation = Store(file), talk("hello")
    conversation.page = page
    store.save(conversation)
    store.close()
    store = Store(file)
    again = store.open(conversation.id)
    assert same(again.page, page)
    again.page = replace(again.page, memory="Other")
    store.save(again)
    assert same(store.read(again.id).page, replace(page, memory="Other"))
    again.page = BLANK
    store.save(again)
    assert store.read(again.id).page.blank
    store.close()
    assert rows(file) == 0


def test_saving_a_session_again_does_not_write_its_page(tmp_path: Path, page: WriterPage) -> None:
    store, conversation = Store(tmp_path / "s.db"), talk("hello")
    conversation.page = page
    store.save(conversation)
    db = sqlite3.connect(tmp_path / "s.db")
    db.execute("CREATE TABLE writes (n)")
    db.execute("CREATE TRIGGER written AFTER INSERT ON writer_pages BEGIN INSERT INTO writes VALUES (1); END")
    db.commit()
    conversation.tree.add("user", "more")
    store.save(conversation)
    conversation.page = replace(page, note="Fast.")
    store.save(conversation)
    assert db.execute("SELECT count(*) FROM writes").fetchone() == (1,)
    store.close()


def test_it_goes_with_its_session(tmp_path: Path, page: WriterPage) -> None:
    store, conversation = Store(tmp_path / "s.db"), talk("hello")
    conversation.page = page
    store.save(conversation)
    store.delete(conversation)
    store.close()
    assert rows(tmp_path / "s.db") == 0


def rows(file: Path) -> int:
    count: int = sqlite3.connect(file).execute("SELECT count(*) FROM writer_pages").fetchone()[0]
    return count


def test_a_database_of_an_older_program_gets_room_for_it(
    tmp_path: Path, page: WriterPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, conversation = tmp_path / "s.db", talk("hello")
    store = Store(file)
    store.save(conversation)
    store.close()
    db = sqlite3.connect(file)  # as it was before
    db.execute("DROP TABLE writer_pages")
    db.execute(f"PRAGMA user_version = {schema.MIGRATIONS.index(pages())}")
    db.commit()
    db.close()
    store = Store(file)
    again = store.open(conversation.id)
    assert again.page.blank and [node.text for node in again.tree.path()] == ["hello"]
    again.page = page
    store.save(again)
    assert same(store.read(again.id).page, page)
    store.close()


def pages() -> tuple[str, ...]:
    return next(steps for steps in schema.MIGRATIONS if "writer_pages" in steps[0])


@pytest.mark.parametrize(
    "damage", ["", "{}", "7", '{"memory": 3}', '{"memory": "", "note": "", "depth": 3, "books": [1]}']
)
def test_a_damaged_page_ends_in_a_sentence(tmp_path: Path, page: WriterPage, damage: str) -> None:
    store, conversation = Store(tmp_path / "s.db"), talk("hello")
    conversation.page = page
    store.save(conversation)
    store.close()
    db = sqlite3.connect(tmp_path / "s.db")
    db.execute("UPDATE writer_pages SET page = ?", (damage,))
    db.commit()
    with pytest.raises(StoreError, match="damaged"):
        Store(tmp_path / "s.db").open(conversation.id)


def test_it_is_in_the_export(page: WriterPage) -> None:
    conversation = talk("hello")
    conversation.page = page
    again = native_json.read(json.loads(native_json.write(conversation)))
    assert same(again.page, page)


def test_an_export_without_one_is_as_it_always_was(page: WriterPage) -> None:
    value = json.loads(native_json.write(talk("hello")))
    assert "writer" not in value
    assert native_json.read(value).page is BLANK


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"memory": 7}, "“memory” is not a string"),
        ({"depth": -1}, "“depth” is not a valid count"),
        ({"budget": "x"}, "“budget” is not a valid count"),
        ({"books": {}}, "no list of lorebooks"),
        ({"books": ["x"]}, "a lorebook is not an object"),
        ({"books": [{}]}, "has no entries"),
    ],
)
def test_what_is_no_page_is_refused_with_a_sentence(page: WriterPage, change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_page(page_value(page) | change)


def test_a_depth_of_another_program_is_brought_within_bounds(page: WriterPage) -> None:
    assert [read_page(page_value(page) | {"depth": depth}).depth for depth in (0, 10**6)] == [1, MAX_DEPTH]


def test_a_copy_for_another_thread_has_it(page: WriterPage) -> None:
    assert Conversation(page=page).copy().page is page
