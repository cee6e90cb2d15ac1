"""Actions that work anywhere: stop, quit, and the way from session to session."""

import pytest

from tests.stubs.conversations import answered, save
from tests.stubs.script import Script
from tests.unit.conftest import Desk
from tui.actions import application
from tui.actions.application import ApplicationActions
from tui.conversation.conversation import Conversation
from tui.widgets.session_list import MORE


class Others:
    """The actions that those of the application call."""

    def __init__(self) -> None:
        self.copied: list[str] = []
        self.adapted = 0
        self.left_editing = 0
        self.loading = False

    def copy(self, text: str) -> None:
        self.copied.append(text)

    def adapt(self) -> None:
        self.adapted += 1

    def leave_editing(self) -> None:
        self.left_editing += 1

    def stop_loading(self) -> bool:
        return self.loading


@pytest.fixture
def others() -> Others:
    return Others()


@pytest.fixture
def actions(desk: Desk, others: Others) -> ApplicationActions:
    return ApplicationActions(desk.context, others, others, others)  # type: ignore[arg-type]


async def test_escape_stops_the_reply_before_all_else(desk: Desk, actions: ApplicationActions, script: Script) -> None:
    desk.load()
    script.held("one")
    desk.workspace.ask(desk.current, lambda: desk.current.tree.begin("assistant"))
    await desk.come()
    actions.stop()
    await desk.come()
    assert desk.current.reply is None and desk.said == ["one"]


async def test_with_nothing_to_stop_escape_goes_to_the_messages_and_back(
    desk: Desk, actions: ApplicationActions
) -> None:
    desk.screen.composer.has_focus = True
    actions.stop()
    assert desk.screen.focused is desk.screen.transcript
    desk.screen.composer.has_focus = False
    actions.stop()
    desk.screen.focus_work.assert_called_once()


async def test_escape_leaves_what_is_open_first(desk: Desk, actions: ApplicationActions, others: Others) -> None:
    desk.screen.composer.has_focus = True
    for leave in (desk.screen.sidebar.leave, desk.screen.find_bar.leave):
        leave.return_value = True
        actions.stop()
        leave.return_value = False
    desk.current.typing.editing = "node"
    actions.stop()
    assert others.left_editing == 1
    desk.current.typing.editing = None
    others.loading = True
    actions.stop()
    assert desk.screen.focused is None


async def test_just_after_a_reply_ended_escape_is_meant_for_it(
    desk: Desk, actions: ApplicationActions, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.screen.composer.has_focus = True
    monkeypatch.setattr(application.time, "monotonic", lambda: 100.0)
    desk.current.ended = 99.9
    actions.stop()
    assert desk.screen.focused is None
    desk.current.ended = 99.0
    actions.stop()
    assert desk.screen.focused is desk.screen.transcript


async def test_ctrl_c_copies_then_stops_then_quits(
    desk: Desk, actions: ApplicationActions, others: Others, script: Script
) -> None:
    desk.screen.get_selected_text.return_value = "selected"
    actions.copy_or_quit()
    assert others.copied == ["selected"]
    desk.screen.get_selected_text.return_value = ""
    desk.load()
    script.held("one")
    desk.workspace.ask(desk.current, lambda: desk.current.tree.begin("assistant"))
    await desk.come()
    actions.copy_or_quit()
    await desk.come()
    assert desk.current.reply is None and not desk.mailbox.left
    actions.copy_or_quit()
    assert desk.current.notice and not desk.mailbox.left
    actions.copy_or_quit()
    assert desk.mailbox.left


async def test_quitting_warns_of_what_is_not_saved(
    desk: Desk, actions: ApplicationActions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(desk.services.sessions.store), "unsaved", True)
    actions.quit()
    assert desk.current.notice and not desk.mailbox.left and desk.presenter.collected
    actions.saved()
    actions.quit()
    assert not desk.mailbox.left, "the warning was about something else"
    actions.quit()
    assert desk.mailbox.left


async def test_a_new_session_is_opened_unless_the_open_one_is_new(desk: Desk, actions: ApplicationActions) -> None:
    first = desk.current
    actions.new_session()
    assert desk.current is first
    first.tree.add("user", "hello")
    actions.new_session()
    assert desk.current is not first and desk.current.empty and desk.presenter.shown == [desk.current]


async def test_the_other_mode_is_its_last_session_or_a_new_one(desk: Desk, actions: ApplicationActions) -> None:
    chat = desk.current
    chat.tree.add("user", "hello")
    actions.toggle_mode()
    assert desk.current.mode == "story"
    actions.toggle_mode()
    assert desk.current is chat


async def test_a_session_of_the_list_is_opened(desk: Desk, actions: ApplicationActions) -> None:
    conversation = Conversation(title="other")
    answered(conversation, "hello", "Hello you!")
    save(conversation)
    actions.open(conversation.id)
    assert desk.current.id == conversation.id and desk.said == ["hello", "Hello you!"]
    actions.open("0" * 32)
    assert desk.current.id == conversation.id and desk.current.notice, "there is none"
    listed = desk.services.sessions.listings.length
    actions.open(MORE)
    assert desk.services.sessions.listings.length > listed
