"""Sessions that another process has open, changed or deleted: what may be done with them here, and what is shown."""

from pathlib import Path

import pytest

from tui.services.sessions import DELETED_ELSEWHERE, SessionManager, session_manager
from tui.storage.store import CHANGED_ELSEWHERE, OPEN_ELSEWHERE


@pytest.fixture
def one(tmp_path: Path) -> SessionManager:
    return session_manager(tmp_path / "s.db", tmp_path / "one", 0)


@pytest.fixture
def two(tmp_path: Path) -> SessionManager:
    return session_manager(tmp_path / "s.db", tmp_path / "two", 0)


def test_a_deleted_session_that_is_restored_is_shown_as_open_elsewhere(
    one: SessionManager, two: SessionManager
) -> None:
    session = one.new("chat", "guide")
    session.tree.add("user", "hello")
    one.save(session)
    seen = two.open(session.id)
    assert (seen.readonly, seen.deleted, seen.notice) == (True, False, "")
    one.delete(session)
    two.follow(seen)
    assert (seen.readonly, seen.deleted, seen.notice) == (True, True, DELETED_ELSEWHERE)
    one.add(session)
    one.save(session)
    two.follow(seen)
    assert (seen.readonly, seen.deleted, seen.notice) == (True, False, "")
    seen.notify(OPEN_ELSEWHERE)
    one.leave(session)
    two.follow(seen)
    assert (seen.readonly, seen.notice) == (False, "")


def test_what_cannot_be_saved_here_any_more_becomes_read_only(one: SessionManager, two: SessionManager) -> None:
    session = one.new("chat", "guide")
    session.tree.add("user", "hello")
    one.save(session)
    one.store.release(session.id)
    other = two.open(session.id)
    one.save(session)
    assert (session.readonly, session.notice) == (True, OPEN_ELSEWHERE)
    two.leave(other)
    session.readonly = False
    session.clear_notice()
    one.save(session)
    assert (session.readonly, session.notice) == (True, CHANGED_ELSEWHERE)
    one.follow(session)
    assert (session.readonly, session.notice) == (False, "")
