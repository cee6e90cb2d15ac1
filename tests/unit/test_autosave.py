"""What happens by itself: saving, following other processes, snapshots of idle sessions, a backup."""

from unittest.mock import MagicMock, Mock

import pytest

from tests.stubs.conversations import answered, save
from tests.stubs.mailbox import Mailbox
from tests.stubs.script import Script
from tests.unit.conftest import Desk
from tui.config.settings import load_settings
from tui.conversation.conversation import Conversation
from tui.messages import Notice, SessionChanged, SessionsChanged, SessionsSaved
from tui.services import autosave as module
from tui.services.autosave import AGE_TICKS, Autosave
from tui.storage.errors import StoreError
from tui.storage.store import Store


def kinds(mailbox: Mailbox) -> list[type]:
    return [type(message) for message in mailbox.taken()]


async def test_the_open_session_is_saved_once_it_has_changed(desk: Desk) -> None:
    store, autosave = desk.services.sessions.store, desk.services.autosave
    desk.current.tree.add("user", "hello")
    autosave.tick(changed=False)
    assert store.sessions(5) == []
    autosave.tick(changed=True)
    assert [listing.id for listing in store.sessions(5)] == [desk.current.id]


async def test_what_has_come_of_a_reply_is_saved(desk: Desk, script: Script) -> None:
    desk.load()
    session, hold = desk.current, script.held("so far")
    session.tree.add("user", "hello")
    desk.workspace.ask(session, lambda: session.tree.begin("assistant"))
    await desk.come()
    desk.services.autosave.tick(changed=False)
    stored = desk.services.sessions.store.read(session.id)
    assert [node.text for node in stored.tree.path()] == ["hello", "so far"]
    hold.set()
    await desk.come()


async def test_what_is_typed_counts_in_a_story_alone(desk: Desk) -> None:
    desk.load()
    desk.current.put_draft("one two three")
    desk.services.autosave.tick(changed=True)
    await desk.mailbox.join()
    assert desk.current.figures.context_used is None
    desk.current.become_story()
    desk.services.autosave.tick(changed=True)
    await desk.mailbox.join()
    assert desk.current.figures.context_used == 3


async def test_a_session_that_is_only_read_follows_its_writer(desk: Desk, mailbox: Mailbox) -> None:
    conversation = Conversation(title="theirs")
    answered(conversation, "hello", "Hello you!")
    save(conversation)
    theirs = Store(load_settings().db)
    written = theirs.open(conversation.id)
    desk.workspace.enter(desk.workspace.read(conversation.id))
    assert desk.current.readonly
    desk.services.autosave.tick(changed=False)
    mailbox.taken()
    written.tree.add("user", "more")
    theirs.save(written)
    desk.services.autosave.tick(changed=False)
    assert desk.said == ["hello", "Hello you!", "more"] and SessionChanged in kinds(mailbox)
    theirs.close()


async def test_ages_are_drawn_anew_now_and_then(desk: Desk, mailbox: Mailbox) -> None:
    desk.services.autosave.tick(changed=False)
    mailbox.taken()
    for _ in range(AGE_TICKS - 2):
        desk.services.autosave.tick(changed=False)
    assert kinds(mailbox) == []
    desk.services.autosave.tick(changed=False)
    assert kinds(mailbox) == [SessionsChanged]


@pytest.mark.parametrize(
    ("recovered", "posted"), [(True, [SessionsSaved, SessionsChanged]), (False, [SessionsChanged])]
)
async def test_what_could_not_be_saved_is_tried_again(mailbox: Mailbox, recovered: bool, posted: list[type]) -> None:
    sessions, replies, workspace = MagicMock(trouble="full"), Mock(replying=[]), Mock()
    sessions.make_up_for_loss.return_value = ""
    sessions.changed.return_value = workspace.current.readonly = False
    sessions.recovered.return_value = recovered
    Autosave(mailbox, workspace, sessions, replies).tick(changed=False)  # type: ignore[arg-type]
    sessions.retry.assert_called_once_with()
    assert kinds(mailbox) == posted


async def test_a_lost_database_is_told_of(desk: Desk, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk.services.sessions, "make_up_for_loss", lambda: "It was lost.")
    desk.services.autosave.tick(changed=False)
    assert [message.text for message in mailbox.taken() if isinstance(message, Notice)] == ["It was lost."]


async def test_the_cache_of_an_idle_session_is_written_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.load()
    session, snapshots = desk.current, desk.services.sessions.snapshots
    session.tree.add("user", "hello")
    desk.workspace.ask(session, lambda: session.tree.begin("assistant"))
    await desk.come()
    desk.services.autosave.reply_ended(session)
    monkeypatch.setattr(module, "IDLE_SECONDS", float("inf"))
    desk.services.autosave.tick(changed=False)
    await desk.mailbox.join()
    assert snapshots.find(session.id) is None and session.computed
    monkeypatch.setattr(module, "IDLE_SECONDS", -1.0)
    desk.services.autosave.tick(changed=False)
    await desk.mailbox.join()
    assert snapshots.find(session.id) is not None and not session.computed
    snapshots.remove(session.id)
    session.computed = True
    desk.services.autosave.tick(changed=False)
    await desk.mailbox.join()
    assert snapshots.find(session.id) is None, "it was not used since"


@pytest.mark.parametrize(("error", "told"), [(StoreError("It is damaged."), ["It is damaged."]), (OSError("full"), [])])
async def test_a_backup_that_fails_stops_nothing(
    desk: Desk, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch, error: Exception, told: list[str]
) -> None:
    monkeypatch.setattr(module, "back_up_daily", Mock(side_effect=error))
    await desk.services.autosave.back_up()
    assert [message.text for message in mailbox.taken() if isinstance(message, Notice)] == told
