"""The database is deleted, moved or replaced while the program runs: noticed, said, and made up for from memory."""

import shutil
from pathlib import Path

import pytest

from tests.conversation.conversations import shape, talk
from tui.conversation.conversation import Conversation
from tui.services.session import Session
from tui.services.sessions import SessionManager
from tui.storage.cache_snapshots import Snapshots
from tui.storage.store import Store


@pytest.fixture
def library(tmp_path: Path) -> SessionManager:
    return SessionManager(Store(tmp_path / "data" / "s.db"), Snapshots(tmp_path / "snapshots", 0))


def session_of(library: SessionManager, *texts: str) -> Session:
    session = library.new("chat", "")
    for text in texts:
        session.tree.add("user", text)
    library.save(session)
    return session


def on_disk(library: SessionManager, session: Conversation) -> object:
    other = Store(library.store.file)
    try:
        return shape(other.read(session.id).tree)
    finally:
        other.close()


LOSSES = {
    "deleted": shutil.rmtree,
    "moved": lambda directory: directory.rename(directory.with_name("elsewhere")),
    "its file deleted": lambda directory: (directory / "s.db").unlink(),
    "replaced by a file of nothing": lambda directory: (
        shutil.rmtree(directory),
        directory.mkdir(),
        (directory / "s.db").touch(),
    ),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_what_is_in_memory_is_saved_anew(library: SessionManager, loss: str) -> None:
    left, current = session_of(library, "left"), session_of(library, "one", "two")
    library.leave(left)
    assert library.make_up_for_loss() == ""
    LOSSES[loss](library.store.file.parent)
    current.tree.add("user", "three")
    assert "was deleted, moved or replaced" in library.make_up_for_loss()
    assert (library.trouble, library.make_up_for_loss()) == ("", "")
    assert on_disk(library, current) == shape(current.tree)
    assert on_disk(library, left) == shape(left.tree)
    current.tree.add("user", "four")
    library.save(current)
    assert (library.trouble, current.readonly) == ("", False)
    assert on_disk(library, current) == shape(current.tree)
    assert {line.id for line in library.lines()} == {current.id, left.id}
    library.close()


def test_a_reply_goes_on_growing(library: SessionManager) -> None:
    session = session_of(library, "question")
    node = session.tree.begin("assistant")
    session.tree.grow(node.id, "so ")
    library.save(session)
    shutil.rmtree(library.store.file.parent)
    session.tree.grow(node.id, "far")
    library.make_up_for_loss()
    session.tree.settle(node.id, (), None)
    library.save(session)
    assert on_disk(library, session) == shape(session.tree)
    library.close()


def test_an_older_copy_put_in_its_place_is_brought_up_to_date(library: SessionManager, tmp_path: Path) -> None:
    session = session_of(library, "one")
    library.store.flush()
    copy = Store(tmp_path / "copy.db")
    copy.save(library.store.read(session.id))
    copy.save(talk("only there"))
    copy.close()
    session.tree.add("user", "two")
    library.save(session)
    shutil.rmtree(library.store.file.parent)
    library.store.file.parent.mkdir()
    (tmp_path / "copy.db").rename(library.store.file)
    assert library.make_up_for_loss()
    assert (library.trouble, session.readonly) == ("", False)
    assert on_disk(library, session) == shape(session.tree)
    assert {line.title for line in library.lines()} == {"one", "only there"}
    library.close()


def test_lost_at_the_very_end(library: SessionManager) -> None:
    session = session_of(library, "one")
    shutil.rmtree(library.store.file.parent)
    library.close()
    assert on_disk(library, session) == shape(session.tree)


def test_while_there_can_be_none_it_is_trouble_and_tried_again(library: SessionManager) -> None:
    session = session_of(library, "one")
    directory = library.store.file.parent
    shutil.rmtree(directory)
    directory.write_text("in the way")
    assert library.make_up_for_loss()
    assert "Cannot open or write" in library.trouble
    directory.unlink()
    library.retry()
    assert library.trouble == ""
    assert on_disk(library, session) == shape(session.tree)
    library.close()
