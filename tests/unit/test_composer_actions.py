"""What is done to the input, and how texts get into files."""

from contextlib import closing
from pathlib import Path
from unittest.mock import Mock

import pytest

from tests.stubs.conversations import answered, save
from tests.stubs.mailbox import Mailbox
from tests.stubs.screen import FakeComposer, FakePane
from tests.unit.conftest import Desk
from tui.actions import composer as module
from tui.actions.composer import ComposerActions
from tui.actions.messages import MessageActions
from tui.conversation.conversation import Conversation
from tui.screens.prompt_history import HistoryScreen
from tui.screens.text_prompt import AskScreen
from tui.storage.store import Store
from tui.terminal.external_editor import EditorError


@pytest.fixture
def actions(desk: Desk) -> ComposerActions:
    desk.screen.story_pane = None
    return ComposerActions(desk.context, MessageActions(desk.context))


@pytest.fixture
def composer(desk: Desk) -> FakeComposer:
    """The input, with its cursor in its only line; no paste is too long for it."""
    composer = desk.screen.composer
    composer.at_top = composer.at_bottom = True
    composer.disabled = False
    composer.collapse = lambda text: text
    composer.insert = lambda text: composer.put(text + composer.text)
    return composer


# ---- sending


async def test_the_draft_behind_an_earlier_prompt_is_shown_again(
    desk: Desk, actions: ComposerActions, composer: FakeComposer
) -> None:
    composer.text, composer.set_aside = "an earlier prompt", "half a thought"
    actions.send("an earlier prompt")
    assert desk.said[0] == "an earlier prompt" and composer.text == "half a thought"


async def test_what_is_sent_leaves_the_input_empty(
    desk: Desk, actions: ComposerActions, composer: FakeComposer
) -> None:
    composer.text = "hello"
    actions.send("hello")
    assert desk.said[0] == "hello" and composer.text == ""


# ---- files


async def test_a_file_is_put_before_the_question_about_it(
    mailbox: Mailbox, actions: ComposerActions, composer: FakeComposer, tmp_path: Path
) -> None:
    file = tmp_path / "notes.md"
    file.write_text("```\ncode\n```\n")
    actions.insert_file(str(file), "What is this?")
    await mailbox.join()
    assert composer.text == "notes.md:\n````\n```\ncode\n```\n````\nWhat is this?"


async def test_a_file_that_cannot_be_read_leaves_the_command(
    desk: Desk, mailbox: Mailbox, actions: ComposerActions, composer: FakeComposer, tmp_path: Path
) -> None:
    actions.insert_file(str(tmp_path / "nothing"), "rest")
    await mailbox.join()
    assert composer.text == f"/file {tmp_path / 'nothing'}\nrest"
    assert str(tmp_path / "nothing") in desk.current.notice


async def test_a_file_goes_to_the_session_that_it_was_asked_for_in(
    desk: Desk, mailbox: Mailbox, actions: ComposerActions, composer: FakeComposer, tmp_path: Path
) -> None:
    file, asked = tmp_path / "notes.md", desk.current
    file.write_text("text")
    asked.put_draft("What is this?")
    actions.insert_file(str(file), "What is this?")
    desk.workspace.enter(desk.workspace.new("chat"))
    composer.put("")
    await mailbox.join()
    whole = "notes.md:\n```\ntext\n```\nWhat is this?"
    assert desk.services.sessions.open(asked.id).draft == whole and composer.text == ""
    with closing(Store(desk.services.sessions.store.file)) as other:
        assert other.open(asked.id).draft == whole


async def test_a_file_for_a_session_that_was_deleted_is_told(
    desk: Desk, mailbox: Mailbox, actions: ComposerActions, composer: FakeComposer, tmp_path: Path
) -> None:
    file, asked = tmp_path / "notes.md", desk.current
    file.write_text("text")
    asked.put_draft("What is this?")
    desk.services.sessions.save(asked)
    actions.insert_file(str(file), "What is this?")
    desk.workspace.delete(asked.id)
    desk.workspace.enter(desk.workspace.new("chat"))
    await mailbox.join()
    assert f"The text of {file} was not inserted" in desk.current.notice and composer.text == "What is this?"


async def test_a_message_is_saved_without_reasoning_and_never_over_a_file(
    desk: Desk, mailbox: Mailbox, actions: ComposerActions, tmp_path: Path
) -> None:
    desk.current.tree.add("assistant", "<think>\nHm.\n</think>\n\nYes.")
    file = tmp_path / "answer.md"
    actions.save_message(str(file))
    await mailbox.join()
    assert file.read_text() == "Yes.\n" and desk.current.notice == f"Saved to {file}."
    desk.current.tree.add("user", "No.")
    actions.save_message(str(file))
    await mailbox.join()
    assert file.read_text() == "Yes.\n" and "already exists" in desk.current.notice


async def test_without_a_name_one_is_asked_for(
    desk: Desk, mailbox: Mailbox, actions: ComposerActions, tmp_path: Path
) -> None:
    desk.current.tree.add("user", "Yes.")
    file, there = tmp_path / "chosen.md", tmp_path / "there.md"
    there.touch()
    actions.save_message()
    screen, _ = mailbox.pushed.pop()
    assert isinstance(screen, AskScreen)
    assert "already exists" in await screen.attempt(str(there)) and there.read_text() == "" and not file.exists()
    assert await screen.attempt(str(file)) == "" and file.read_text() == "Yes.\n"


async def test_code_and_stories_are_saved_where_there_are_some(
    desk: Desk, mailbox: Mailbox, actions: ComposerActions, tmp_path: Path
) -> None:
    desk.screen.transcript.code = None
    code, story = tmp_path / "code.py", tmp_path / "story.txt"
    for save_it, file in ((actions.save_code, code), (actions.save_story, story)):
        desk.current.clear_notice()
        save_it(str(file))
        await mailbox.join()
        assert desk.current.notice and not file.exists()
    desk.screen.transcript.code = "print()"
    desk.screen.story_pane = FakePane("Once upon a time")
    actions.save_code(str(code))
    actions.save_story(str(story))
    await mailbox.join()
    assert (code.read_text(), story.read_text()) == ("print()\n", "Once upon a time\n")


# ---- earlier prompts


async def test_the_arrows_move_in_the_text_before_they_recall(actions: ComposerActions, composer: FakeComposer) -> None:
    composer.at_top = composer.at_bottom = False
    actions.history_earlier()
    actions.history_later()
    composer.action_cursor_up.assert_called_once_with()
    composer.action_cursor_down.assert_called_once_with()
    composer.recall_next.assert_not_called()


async def test_from_its_ends_they_recall_earlier_prompts(actions: ComposerActions, composer: FakeComposer) -> None:
    conversation = Conversation()
    answered(conversation, "older", "reply")
    answered(conversation, "newer", "reply")
    save(conversation)
    actions.history_earlier()
    actions.history_later()
    steps = [(step, earlier()) for (step, earlier), _ in composer.recall_next.call_args_list]
    assert steps == [(1, ["newer", "older"]), (-1, ["newer", "older"])]


async def test_the_last_command_is_recalled_first_until_something_is_sent(
    actions: ComposerActions, composer: FakeComposer
) -> None:
    conversation = Conversation()
    answered(conversation, "older", "reply")
    save(conversation)
    actions.remember("/export taken.md")
    actions.history_earlier()
    ((_, earlier), _) = composer.recall_next.call_args
    assert earlier() == ["/export taken.md", "older"]
    actions.send("hello")
    assert earlier()[-1] == "older" and "/export taken.md" not in earlier()


async def test_a_queued_message_is_taken_back_before_that(
    desk: Desk, actions: ComposerActions, composer: FakeComposer
) -> None:
    desk.current.typing.queue.append("queued")
    composer.text = "something"
    actions.history_earlier()
    assert desk.current.typing.queue == ["queued"], "it would replace what is typed"
    composer.recall_next.assert_called_once()
    composer.text = " "
    actions.history_earlier()
    assert desk.current.typing.queue == [] and composer.text == "queued"
    composer.recall_next.assert_called_once()


async def test_the_chosen_prompt_of_the_history_is_recalled(
    mailbox: Mailbox, actions: ComposerActions, composer: FakeComposer
) -> None:
    actions.search_history()
    screen, choose = mailbox.pushed.pop()
    assert isinstance(screen, HistoryScreen)
    choose(None)
    composer.recall.assert_not_called()
    choose("older")
    assert composer.recall.call_args.args[0] == "older"


# ---- $EDITOR


@pytest.fixture
def edited(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """The editor: called with a text, it gives another one."""
    editor = Mock(return_value="written")

    async def edit_text(app: object, text: str) -> str:
        return str(editor(text))

    monkeypatch.setattr(module, "edit_text", edit_text)
    return editor


async def test_what_the_editor_gives_replaces_the_input(
    desk: Desk, mailbox: Mailbox, actions: ComposerActions, composer: FakeComposer, edited: Mock
) -> None:
    desk.screen.transcript.has_focus = False
    composer.text = "typed"
    actions.editor()
    await mailbox.join()
    edited.assert_called_once_with("typed")
    assert composer.text == "written"


async def test_not_if_another_session_was_opened_meanwhile(
    desk: Desk, mailbox: Mailbox, actions: ComposerActions, composer: FakeComposer, edited: Mock
) -> None:
    desk.screen.transcript.has_focus = False
    composer.text = "typed"

    def leave(text: str) -> str:
        desk.workspace.enter(desk.workspace.new("chat"))
        return "written"

    edited.side_effect = leave
    actions.editor()
    await mailbox.join()
    assert composer.text == "typed"


async def test_a_message_is_only_read_in_the_editor(
    desk: Desk, mailbox: Mailbox, actions: ComposerActions, composer: FakeComposer, edited: Mock
) -> None:
    desk.current.tree.add("assistant", "<think>\nHm.\n</think>\n\nYes.")
    desk.screen.transcript.has_focus = True
    actions.editor()
    await mailbox.join()
    edited.assert_called_once_with("Yes.")
    assert composer.text == "" and desk.said == ["<think>\nHm.\n</think>\n\nYes."]


async def test_an_editor_that_fails_changes_nothing(
    desk: Desk, mailbox: Mailbox, actions: ComposerActions, composer: FakeComposer, edited: Mock
) -> None:
    desk.screen.transcript.has_focus = False
    composer.text = "typed"
    edited.side_effect = EditorError("It failed.")
    actions.editor()
    await mailbox.join()
    assert composer.text == "typed" and desk.current.notice == "It failed."
