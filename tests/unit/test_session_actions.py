"""What is done to whole sessions: those of the list, or the open one."""

import pytest

from tests.stubs.conversations import answered, save
from tests.unit.conftest import Desk
from tui.actions.sessions import SessionActions
from tui.config.settings import load_settings
from tui.conversation.conversation import Conversation
from tui.storage.store import OPEN_ELSEWHERE, Store


@pytest.fixture
def actions(desk: Desk) -> SessionActions:
    return SessionActions(desk.context)


@pytest.fixture
def other(desk: Desk) -> Conversation:
    """A session in the database, highlighted in the list that has the focus."""
    conversation = Conversation(title="other")
    answered(conversation, "hello", "Hello you!")
    save(conversation)
    desk.services.sessions.changed()
    desk.screen.sidebar.has_focus_within = True
    desk.screen.sidebar.highlighted_id = conversation.id
    return conversation


def stored(conversation: Conversation) -> Conversation:
    return desk_store().read(conversation.id)


def desk_store() -> Store:
    return Store(load_settings().db)


async def test_the_open_session_is_renamed(desk: Desk, actions: SessionActions) -> None:
    actions.rename_session()
    desk.screen.rename.assert_called_once_with(desk.current.id, "New chat")
    actions.rename_current("  Greetings ")
    assert desk.current.title == "Greetings" and desk.presenter.refreshed


async def test_where_the_list_has_the_focus_its_session_is_meant(
    desk: Desk, actions: SessionActions, other: Conversation
) -> None:
    actions.rename_session()
    desk.screen.rename.assert_called_once_with(other.id, "other")
    actions.rename(other.id, "another")
    actions.pin_session()
    assert (stored(other).title, stored(other).pinned) == ("another", True)
    actions.pin_session()
    assert not stored(other).pinned
    theirs = desk_store()
    theirs.open(other.id)
    assert theirs.holds(other.id), "it was let go"
    theirs.close()


async def test_what_is_open_elsewhere_is_not_changed_and_its_title_told(
    desk: Desk, actions: SessionActions, other: Conversation
) -> None:
    theirs = desk_store()
    theirs.open(other.id)
    for act in (actions.pin_session, actions.delete_session, lambda: actions.rename(other.id, "x")):
        desk.current.clear_notice()
        act()
        assert desk.current.notice == f"“other”: {OPEN_ELSEWHERE}"
    theirs.close()
    assert stored(other).title == "other" and not stored(other).pinned


async def test_a_deleted_session_is_brought_back(desk: Desk, actions: SessionActions, other: Conversation) -> None:
    before = desk.current
    actions.delete_session()
    assert "other" in desk.current.notice and desk.current is before
    assert desk_store().sessions(5) == []
    actions.restore_session()
    assert desk.current.id == other.id and [listing.id for listing in desk_store().sessions(5)] == [other.id]
    actions.delete_session()
    assert desk.current.id != other.id, "another one is shown instead"


async def test_the_way_to_restore_a_session_begins_where_one_is(
    desk: Desk, actions: SessionActions, other: Conversation
) -> None:
    actions.delete_session()
    assert desk.current.notice == "Deleted “other”. u in the list restores it until you quit."
    desk.screen.sidebar.has_focus_within = False
    actions.delete_session()
    assert desk.current.notice == "Deleted “New chat”. Ctrl+O, then u, restores it until you quit."


async def test_where_the_list_shows_none_nothing_is_done(desk: Desk, actions: SessionActions) -> None:
    desk.screen.sidebar.has_focus_within, desk.screen.sidebar.highlighted_id = True, None
    actions.pin_session()
    actions.delete_session()
    actions.restore_session()
    assert not desk.current.pinned and desk.presenter.shown == []
    assert "No session was deleted" in desk.current.notice


async def test_titles_are_filtered(desk: Desk, actions: SessionActions, other: Conversation) -> None:
    actions.filter_sessions("oth")
    desk.screen.filter_sessions.assert_called_once_with("oth")
    actions.filter("OTH")
    assert [line.id for line in desk.services.sessions.lines()] == [other.id]
