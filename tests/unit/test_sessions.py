"""The sessions in memory and in the database: opened, left to others, deleted, listed."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.stubs.conversations import answered, save
from tui.config.settings import load_settings
from tui.conversation.conversation import Conversation
from tui.services.session_listings import PAGE
from tui.services.sessions import SessionManager, session_manager
from tui.storage.errors import StoreError
from tui.storage.store import Store


@pytest.fixture
def sessions() -> Iterator[SessionManager]:
    sessions = opened()
    yield sessions
    sessions.close()


def opened() -> SessionManager:
    settings = load_settings()
    return session_manager(settings.db, settings.db.parent / "snapshots", 10**6)


def kept(title: str, updated: float = 1.0, **fields: object) -> Conversation:
    """A conversation in the database."""
    conversation = Conversation(title=title, updated=updated, **fields)  # type: ignore[arg-type]
    answered(conversation, "hello", "Hello you!")
    save(conversation)
    return conversation


def titles(sessions: SessionManager) -> list[str]:
    return [line.title for line in sessions.lines()]


def test_a_new_session_is_on_disk_once_there_is_something_in_it(sessions: SessionManager) -> None:
    session = sessions.new("chat", "guide")
    sessions.save(session)
    assert titles(sessions) == ["New chat"] and not sessions.store.sessions(5)
    session.tree.add("user", "hello")
    sessions.save(session)
    assert [listing.id for listing in sessions.store.sessions(5)] == [session.id]
    assert len(titles(sessions)) == 1


def test_an_empty_one_that_is_left_is_forgotten(sessions: SessionManager) -> None:
    session = sessions.new("chat", "guide")
    sessions.leave(session)
    assert list(sessions) == []
    written = sessions.new("chat", "guide")
    written.put_draft("half a thought")
    sessions.leave(written)
    assert list(sessions) == [written] and sessions.store.read(written.id).draft == "half a thought"


def test_what_is_open_in_another_process_is_only_read(sessions: SessionManager) -> None:
    conversation = kept("one")
    other = Store(load_settings().db)
    other.open(conversation.id)
    session = sessions.open(conversation.id)
    assert session.readonly
    session.rename("changed here")
    sessions.save(session)
    assert other.read(conversation.id).title == "one"
    other.release(conversation.id)
    sessions.follow(session)
    assert not session.readonly
    other.close()


def test_what_is_left_may_be_written_by_others_and_is_read_again(sessions: SessionManager) -> None:
    conversation = kept("one")
    session = sessions.open(conversation.id)
    sessions.leave(session)
    other = Store(load_settings().db)
    theirs = other.open(conversation.id)
    theirs.title = "changed there"
    other.save(theirs)
    other.close()
    assert sessions.open(conversation.id) is session and session.title == "changed there"


def test_what_another_process_deleted_is_told(sessions: SessionManager) -> None:
    conversation = kept("one")
    other = Store(load_settings().db)
    theirs = other.open(conversation.id)
    session = sessions.open(conversation.id)
    other.delete(theirs)
    other.close()
    assert sessions.changed()
    sessions.follow(session)
    assert session.notice


def test_deleting_removes_the_snapshot_and_saving_brings_the_session_back(sessions: SessionManager) -> None:
    session = sessions.open(kept("one").id)
    sessions.snapshots.place(session.id).write_bytes(b"cache")
    sessions.delete(session)
    assert titles(sessions) == [] and sessions.snapshots.find(session.id) is None
    sessions.save(session)
    assert titles(sessions) == [], "a session that was deleted is not saved by what goes on by itself"
    sessions.add(session)
    sessions.save(session)
    assert titles(sessions) == ["one"]
    with pytest.raises(StoreError):
        sessions.open("0" * 32)


def test_the_list_is_filtered_by_words_and_grows_by_pages(sessions: SessionManager) -> None:
    kept("pinned", pinned=True)
    for number in range(3):
        kept(f"day {number}", updated=10.0 + number)
    assert titles(sessions) == ["pinned", "day 2", "day 1", "day 0"] and sessions.listings.complete
    sessions.listings.filter("DAY 1")
    assert titles(sessions) == ["day 1"]
    sessions.listings.filter("")
    sessions.listings.length = 2
    sessions.changed()
    sessions.listings.invalidate(awaited=True)
    assert titles(sessions) == ["pinned", "day 2"] and not sessions.listings.complete
    sessions.listings.more()
    assert sessions.listings.length == 2 + PAGE and len(titles(sessions)) == 4


def test_each_kind_goes_on_with_its_last_session_and_model(sessions: SessionManager) -> None:
    kept("chat", updated=1.0, model="chatty")
    story = kept("story", updated=2.0, mode="story", model="teller")
    kept("newer chat", updated=3.0)
    assert sessions.latest("story") == story.id
    assert sessions.latest_model("chat") == "chatty" and sessions.latest_model("story") == "teller"
    settings = replace(load_settings(), chat_model="usual")
    assert sessions.usual_model("chat", settings) == "chatty"
    named = load_settings(model="named")
    assert sessions.usual_model("chat", named) == sessions.usual_model("story", named) == "named"
    session = sessions.with_model(sessions.open(sessions.latest("chat") or ""), settings)
    assert session.model == "chatty" and "chatty" in session.notice


def test_only_what_the_database_has_is_put_away(sessions: SessionManager) -> None:
    session = sessions.open(kept("one").id)
    sessions.leave(session)
    session.unread = True
    sessions.put_away(session)
    assert list(sessions) == [session]
    session.unread = False
    sessions.put_away(session)
    assert list(sessions) == []


async def test_a_new_session_is_deleted_before_it_is_heard_that_it_was_written(sessions: SessionManager) -> None:
    sessions.storage.wait_no_more()
    session = sessions.new("chat", "guide")
    session.put_draft("half a thought")
    sessions.save(session).result()
    sessions.delete(session)
    assert sessions.store.ids("") == [] and not sessions.store.holds(session.id)


async def test_a_new_session_is_emptied_before_it_is_heard_that_it_was_written(sessions: SessionManager) -> None:
    sessions.storage.wait_no_more()
    session = sessions.new("chat", "guide")
    session.put_draft("half a thought")
    sessions.save(session).result()
    session.put_draft("")
    sessions.leave(session)
    sessions.storage.settle()
    assert not sessions.store.holds(session.id) and sessions.store.read(session.id).draft == ""
    assert sessions.open(session.id).id == session.id
