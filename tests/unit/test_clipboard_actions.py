"""What is copied, and the way to the clipboard."""

import pytest

from tests.unit.conftest import Desk
from tui.actions import clipboard
from tui.actions.clipboard import ClipboardActions
from tui.actions.messages import MessageActions
from tui.conversation.tree import Role
from tui.terminal.clipboard import osc52


@pytest.fixture
def copied(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was handed to the application to be copied."""
    copied: list[str] = []
    monkeypatch.setattr(desk.mailbox, "copy_to_clipboard", copied.append, raising=False)
    return copied


@pytest.fixture
def actions(desk: Desk) -> ClipboardActions:
    return ClipboardActions(desk.context, MessageActions(desk.context))


@pytest.mark.parametrize(
    ("role", "text", "expected"),
    [
        ("assistant", "<think>\nHm.\n</think>\n\nYes.", "Yes."),
        ("assistant", "Yes.", "Yes."),
        ("user", "<think>\nHm.\n</think>\n\nYes.", "<think>\nHm.\n</think>\n\nYes."),
    ],
)
async def test_a_message_is_copied_without_reasoning(
    desk: Desk, actions: ClipboardActions, copied: list[str], role: Role, text: str, expected: str
) -> None:
    desk.current.tree.add(role, text)
    desk.current.readonly = True  # it is only read
    actions.copy_message()
    assert copied == [expected] and desk.current.notice == ""


async def test_the_chosen_message_is_copied_before_the_last(
    desk: Desk, actions: ClipboardActions, copied: list[str]
) -> None:
    first = desk.current.tree.add("user", "first")
    desk.current.tree.add("assistant", "second")
    desk.screen.transcript.chosen = first.id
    actions.copy_message()
    assert copied == ["first"]


async def test_reasoning_alone_is_not_copied(desk: Desk, actions: ClipboardActions, copied: list[str]) -> None:
    desk.current.tree.add("assistant", "<think>\nHm.\n</think>\n")
    actions.copy_message()
    assert copied == [] and "only reasoning" in desk.current.notice


async def test_an_empty_chat_has_nothing_to_copy(desk: Desk, actions: ClipboardActions, copied: list[str]) -> None:
    desk.screen.transcript.code = None
    actions.copy_code()
    assert copied == [] and desk.current.notice == "No messages yet."


async def test_code_is_copied_where_there_is_some(desk: Desk, actions: ClipboardActions, copied: list[str]) -> None:
    desk.screen.transcript.code = None
    desk.current.tree.add("user", "hello")
    actions.copy_code()
    assert copied == [] and "No code block" in desk.current.notice
    desk.screen.transcript.code = "print()\n"
    actions.copy_code()
    desk.current.become_story()
    actions.copy_code()
    assert copied == ["print()\n"], "once, in the chat"


@pytest.mark.parametrize(
    ("tmux", "taken", "written", "told"),
    [
        (False, False, osc52("hällo", False), "(OSC 52)."),
        (True, True, None, "tmux buffer"),
        (True, False, osc52("hällo", True), "tmux rejected"),
    ],
)
async def test_the_clipboard_is_reached_through_tmux_or_the_terminal(
    desk: Desk,
    actions: ClipboardActions,
    monkeypatch: pytest.MonkeyPatch,
    tmux: bool,
    taken: bool,
    written: str | None,
    told: str,
) -> None:
    offered: list[str] = []
    sent: list[str] = []

    def into_tmux(text: str) -> bool:
        offered.append(text)
        return taken

    monkeypatch.setattr(clipboard, "into_tmux", into_tmux)
    monkeypatch.delenv("TMUX", raising=False)
    if tmux:
        monkeypatch.setenv("TMUX", "socket,1,0")
    await actions.send("hällo", sent.append)
    assert sent == ([] if written is None else [written]) and offered == (["hällo"] if tmux else [])
    assert "5 characters" in desk.current.notice and told in desk.current.notice
