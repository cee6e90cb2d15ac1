"""The open session: what is opened, left, changed, deleted; and the models that sessions need."""

import pytest

from inference import SamplingParams
from tests.stubs.conversations import answered, save
from tests.stubs.fake_engine import FakeModel
from tests.stubs.script import Script
from tests.unit.conftest import Desk, FakeLoader
from tui.config.settings import load_settings
from tui.conversation.conversation import Conversation, Mode
from tui.messages import ModelFailed, ModelLoaded, Notice, SessionsSaved
from tui.services.model_choice import ModelChoice
from tui.services.modes import STORY_TOKENS
from tui.services.sampling_defaults import SamplingDefaults
from tui.services.services import Services
from tui.services.session import Session
from tui.services.workspace import WARM
from tui.storage.errors import StoreError, UnavailableError
from tui.storage.store import OPEN_ELSEWHERE, Store


def kept(title: str, **fields: object) -> Conversation:
    conversation = Conversation(title=title, **fields)  # type: ignore[arg-type]
    answered(conversation, "hello", "Hello you!")
    save(conversation)
    return conversation


async def test_it_begins_where_one_was_last(desk: Desk) -> None:
    last = kept("last", updated=2e9, model="fake")
    kept("before", updated=1e9)
    services = Services(desk.mailbox, load_settings(), None, None)  # type: ignore[arg-type]
    assert services.workspace.current.id == last.id
    services.close()
    services = Services(desk.mailbox, load_settings(system="Be brief."), None, "chat")  # type: ignore[arg-type]
    assert services.workspace.current.empty and services.workspace.current.settings["system"] == "Be brief."
    services.close()


async def test_it_begins_where_one_left_though_another_was_changed_later(desk: Desk) -> None:
    changed, looked_at = kept("changed", updated=1e9, model="fake"), kept("looked at", updated=1e8, model="fake")
    for opened, again in ((changed, looked_at), (looked_at, None)):
        services = Services(desk.mailbox, load_settings(), None, None)  # type: ignore[arg-type]
        assert services.workspace.current.id == opened.id
        if again:
            services.workspace.enter(services.workspace.read(again.id))
        services.close()


async def test_sessions_left_long_ago_are_in_the_database_alone(desk: Desk) -> None:
    sessions = []
    for number in range(WARM + 2):
        sessions.append(desk.current)
        desk.current.tree.add("user", f"message {number}")
        desk.workspace.enter(desk.workspace.new("chat"))
    await desk.mailbox.join()
    assert list(desk.services.sessions) == [*sessions[2:], desk.current]
    assert desk.workspace.read(sessions[0].id) is not sessions[0]


async def test_a_session_is_changed_open_or_not(desk: Desk) -> None:
    other = kept("other")

    def pin(session: Session) -> None:
        session.toggle_pin()

    for session_id in (desk.current.id, other.id):
        desk.workspace.change(session_id, pin)
    assert desk.current.pinned and desk.services.sessions.store.read(other.id).pinned
    theirs = Store(load_settings().db)
    theirs.open(other.id)
    with pytest.raises(StoreError, match=OPEN_ELSEWHERE):
        desk.workspace.change(other.id, pin)
    theirs.close()


async def test_a_deleted_session_is_restored_with_what_it_had_computed(desk: Desk) -> None:
    desk.load()
    session = desk.current
    session.tree.add("user", "hello")
    desk.workspace.ask(session, lambda: session.tree.begin("assistant"))
    await desk.come()
    assert desk.workspace.delete(session.id) is session
    assert desk.current is not session and session.id in desk.workspace.held
    assert desk.services.sessions.store.sessions(5) == []
    assert desk.workspace.restore() is session and session.computed
    assert [listing.id for listing in desk.services.sessions.store.sessions(5)] == [session.id]
    assert desk.workspace.restore() is None


async def test_all_deleted_sessions_are_restored_the_last_first_and_only_that_one_with_its_cache(desk: Desk) -> None:
    desk.load()
    deleted = []
    for number in range(3):
        deleted.append(session := desk.current)
        session.tree.add("user", f"message {number}")
        desk.workspace.ask(session, lambda: desk.current.tree.begin("assistant"))
        await desk.come()
        desk.workspace.enter(desk.workspace.new("chat"))
    for session in deleted:
        desk.workspace.delete(session.id)
    assert [session.engine is not None for session in deleted] == [False, False, True]
    assert desk.workspace.held & {session.id for session in deleted} == {deleted[2].id}
    for session in reversed(deleted):
        assert desk.workspace.restorable and desk.workspace.restore() is session
    assert not desk.workspace.restorable and desk.workspace.restore() is None
    stored = desk.services.sessions.store.sessions(5)
    assert {listing.id for listing in stored} == {session.id for session in deleted}


async def test_a_model_that_no_session_needs_makes_room(desk: Desk, model: FakeModel) -> None:
    desk.load()
    session = desk.current
    desk.workspace.ask(session, lambda: session.tree.begin("assistant"))
    await desk.come()
    desk.workspace.use(ModelChoice("other", desk.services.models.choice(session).precision))
    await desk.mailbox.join()
    assert session.model == "other" and session.engine is None
    assert len(FakeLoader.made) == 2 and desk.workspace.model is None


async def test_replies_that_wait_for_a_model_end_when_it_does_not_come(desk: Desk) -> None:
    session = desk.current
    session.tree.add("user", "hello")
    desk.workspace.ask(session, lambda: session.tree.begin("assistant"))
    assert session.state == "queued"
    desk.workspace.take_model(ModelFailed(desk.services.models.choice(session), "it is torn"))
    await desk.come()
    assert session.reply is None and desk.said == ["hello"]
    assert not desk.workspace.take_model(ModelFailed(ModelChoice("nobody's", "auto"), "it is torn"))


async def test_new_sessions_use_the_model_chosen_last_which_is_said(desk: Desk) -> None:
    kept("last", updated=2e9, model="one")
    kept("before", updated=1e9, model="fake")
    services = Services(desk.mailbox, load_settings(), None, None)  # type: ignore[arg-type]
    workspace = services.workspace
    workspace.use(ModelChoice("org/other", "auto"))
    assert workspace.current.notice == "New chats use other too."
    assert workspace.new("chat").model == "org/other" and workspace.new("story").model == "story"
    workspace.use(ModelChoice("org/other", "int4"))
    assert workspace.current.notice == "", "nothing new"
    workspace.use(ModelChoice("org/third", "int4"))
    workspace.take_model(ModelFailed(services.models.choice(workspace.current), "It is torn."))
    assert workspace.current.notice == "", "it would hide the failure"
    services.close()
    desk.workspace.use(ModelChoice("other", "int4"))
    assert desk.current.notice == "" and desk.workspace.new("chat").model == "fake", "as the command line says"


@pytest.mark.parametrize("mode", [None, "chat"])
async def test_a_new_session_falls_back_to_the_configured_model(desk: Desk, mode: Mode | None) -> None:
    """Begun before it is known that the model used last is gone, or after that."""
    kept("last", updated=2e9, model="gone")
    services = Services(desk.mailbox, load_settings(), None, mode)  # type: ignore[arg-type]
    workspace = services.workspace
    workspace.load()
    assert workspace.current.model == "gone"
    workspace.take_model(ModelFailed(services.models.choice(workspace.current), "There is no model gone."))
    if mode is None:
        assert workspace.current.model == "gone", "it was chosen for this one"
        workspace.enter(workspace.new("chat"))
    assert workspace.current.model == "guide"
    assert workspace.current.notice == "There is no model gone. This session uses guide."
    assert not services.models.lacks(services.models.choice(workspace.current))
    workspace.take_model(ModelFailed(services.models.choice(workspace.current), "It is torn."))
    assert workspace.current.model == "guide" and services.models.state(workspace.current).failed
    services.close()


async def test_a_new_session_keeps_a_model_whose_loading_was_cancelled(desk: Desk) -> None:
    kept("last", updated=2e9, model="slow")
    services = Services(desk.mailbox, load_settings(), None, "chat")  # type: ignore[arg-type]
    services.workspace.load()
    assert services.workspace.stop_loading()
    services.workspace.load()
    assert services.workspace.current.model == "slow"
    services.close()


@pytest.mark.parametrize("broken", [True, False])
async def test_a_message_without_a_model_is_answered_by_the_one_chosen_then(
    desk: Desk, model: FakeModel, script: Script, broken: bool
) -> None:
    script.reply("Fine.")
    session = desk.current
    session.tree.add("user", "how is it?")
    desk.workspace.ask(session, lambda: session.tree.begin("assistant"))
    if broken:
        desk.workspace.take_model(ModelFailed(desk.services.models.choice(session), "it is torn"))
    else:
        desk.workspace.stop_loading()
    await desk.come()
    assert session.reply is None and desk.said == ["how is it?"]
    desk.workspace.use(choice := desk.services.models.choice(session)._replace(name="other"))
    assert (session.state == "queued") is broken, "a message that was stopped is not asked again"
    desk.workspace.take_model(ModelLoaded(choice, model))  # type: ignore[arg-type]
    await desk.come()
    assert desk.said == (["how is it?", "Fine."] if broken else ["how is it?"])


async def test_a_reply_in_a_session_that_is_not_open_marks_it(desk: Desk, script: Script) -> None:
    desk.load()
    first, hold = desk.current, script.held("one")
    desk.workspace.ask(first, lambda: first.tree.begin("assistant"))
    await desk.come()
    desk.workspace.enter(desk.workspace.new("chat"))
    hold.set()
    await desk.come()
    assert first.unread and not desk.services.sessions.store.holds(first.id)
    desk.workspace.enter(desk.workspace.read(first.id))
    assert not first.unread


# ---- what goes on by itself


async def test_what_was_written_is_saved_by_the_next_tick(desk: Desk, script: Script) -> None:
    desk.load()
    hold = script.held("one ")
    desk.workspace.ask(desk.current, lambda: desk.current.tree.begin("assistant"))
    await desk.come()
    desk.services.autosave.tick(changed=False)
    stored = desk.services.sessions.store.read(desk.current.id)
    assert [node.text for node in stored.tree.path()] == ["one "]
    desk.current.put_draft("half a thought")
    desk.services.autosave.tick(changed=True)
    assert desk.services.sessions.store.read(desk.current.id).draft == "half a thought"
    hold.set()


async def test_what_could_not_be_saved_is_told_once_it_is(desk: Desk) -> None:
    desk.services.sessions._unreadable = "The database cannot be read."
    desk.services.autosave.tick(changed=False)
    assert any(isinstance(message, SessionsSaved) for message in desk.mailbox.taken())
    desk.services.autosave.tick(changed=False)
    assert desk.mailbox.taken() == [], "once"


async def test_a_backup_that_cannot_be_made_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(file: object) -> None:
        raise UnavailableError("there is no room")

    monkeypatch.setattr("tui.services.autosave.back_up_daily", fail)
    await desk.services.autosave.back_up()
    (told,) = desk.mailbox.taken()
    assert isinstance(told, Notice) and told.text == "there is no room"


async def test_a_session_that_has_been_idle_is_written_to_its_snapshot(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.load()
    desk.workspace.ask(desk.current, lambda: desk.current.tree.begin("assistant"))
    await desk.come()
    desk.services.autosave.reply_ended(desk.current)
    desk.services.autosave.tick(changed=False)
    assert desk.services.sessions.snapshots.find(desk.current.id) is None
    monkeypatch.setattr("tui.services.autosave.IDLE_SECONDS", -1.0)
    desk.services.autosave.tick(changed=False)
    await desk.mailbox.join()
    assert desk.services.sessions.snapshots.find(desk.current.id) is not None


# ---- sampling


def sampling(desk: Desk, params: SamplingParams | None = None, **flags: object) -> SamplingDefaults:
    return SamplingDefaults(desk.services.models, load_settings(**flags), params)


async def test_the_session_s_own_parameters_go_before_the_user_s_and_the_model_s(desk: Desk, model: FakeModel) -> None:
    model.generation_config = {"temperature": 0.25, "top_k": 7, "top_p": 0.5}
    defaults = sampling(desk, top_k=9)
    assert "temperature" not in defaults.values(desk.current), "that only the model can tell"
    desk.load()
    desk.current.change_settings({"sampling": {"top_p": 0.75}})
    params = defaults.params(desk.current)
    assert (params.temperature, params.top_k, params.top_p) == (0.25, 9, 0.75)
    assert defaults.differing(desk.current) == ["top-p 0.75"]
    assert sampling(desk, SamplingParams(temperature=0)).params(desk.current).temperature == 0


async def test_a_story_has_a_length(desk: Desk) -> None:
    story = Session(Conversation(mode="story", model="fake"))
    assert sampling(desk).defaults(story)["max_tokens"] == STORY_TOKENS
    assert sampling(desk, max_tokens=5).defaults(story)["max_tokens"] == 5


async def test_what_a_model_recommends_and_cannot_be_is_ignored(desk: Desk, model: FakeModel) -> None:
    model.generation_config = {"temperature": -1}
    desk.load()
    assert sampling(desk).defaults(desk.current)["temperature"] == 0.8
    desk.workspace.ask(desk.current, lambda: desk.current.tree.begin("assistant"))
    assert sampling(desk, temperature=0.5).params(desk.current).temperature == 0.5
