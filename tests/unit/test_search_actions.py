"""The way from a search result to where it is."""

from types import SimpleNamespace

import pytest

from tests.stubs.conversations import answered, save
from tests.stubs.mailbox import Mailbox
from tests.stubs.screen import FakePane
from tests.stubs.script import Script
from tests.unit.conftest import Desk
from tui.actions import search as module
from tui.actions.application import ApplicationActions
from tui.actions.clipboard import ClipboardActions
from tui.actions.messages import MessageActions
from tui.actions.model import ModelActions
from tui.actions.search import CHANGED, SearchActions
from tui.config.settings import load_settings
from tui.conversation.conversation import Conversation
from tui.conversation.tree import Node
from tui.services.notices import still_generating
from tui.storage.search import Hit
from tui.storage.store import OPEN_ELSEWHERE, Store


@pytest.fixture
def actions(desk: Desk) -> SearchActions:
    context, messages = desk.context, MessageActions(desk.context)
    application = ApplicationActions(context, messages, ClipboardActions(context, messages), ModelActions(context))
    return SearchActions(context, application, messages)


def hit(conversation: Conversation, node: Node | None, extract: str = "", word: str = "") -> Hit:
    start = extract.index(word)
    marks = ((start, start + len(word)),)
    return Hit(conversation.id, node.id if node else None, conversation.title, 0.0, extract, marks)


def choose(mailbox: Mailbox, actions: SearchActions, chosen: Hit | None) -> None:
    """Search, and choose this result."""
    actions.search()
    mailbox.pushed.pop()[1](chosen)


@pytest.fixture
def conversation() -> tuple[Conversation, list[Node]]:
    """In the database: a question with two answers, of which the second is shown."""
    conversation = Conversation(title="found")
    nodes = answered(conversation, "question", "first", "second")
    save(conversation)
    return conversation, nodes


def texts(desk: Desk) -> list[str]:
    return [node.text for node in desk.services.sessions.store.read(desk.current.id).tree.path()]


async def test_the_next_search_begins_with_the_words_of_the_last(
    mailbox: Mailbox, actions: SearchActions, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A field with a text in it needs an app.
    monkeypatch.setattr(module, "SearchScreen", lambda file, text, save: SimpleNamespace(file=file, text=text))

    def opened(words: str = "") -> SimpleNamespace:
        actions.search(words)
        screen = mailbox.pushed[-1][0]
        assert isinstance(screen, SimpleNamespace) and screen.file == load_settings().db
        return screen

    screen = opened("one")
    assert screen.text == "one"
    screen.text = "one two"
    mailbox.pushed[-1][1](None)
    assert opened().text == "one two"
    assert opened("three").text == "three"


async def test_a_search_begins_with_saving_the_replies_in_progress(
    desk: Desk, mailbox: Mailbox, actions: SearchActions, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.load()
    script.held("Wait ", "for ", "it ")
    MessageActions(desk.context).send("question")
    await desk.come()
    store = desk.services.sessions.store
    assert not store.search("wait")
    monkeypatch.setattr(module, "SearchScreen", lambda file, text, save: SimpleNamespace(text=text, save=save))
    actions.search()
    screen = mailbox.pushed[-1][0]
    assert isinstance(screen, SimpleNamespace)
    screen.save().result(1)
    assert len(store.search("wait")) == 1


async def test_a_title_leads_to_its_session_alone(
    desk: Desk, mailbox: Mailbox, actions: SearchActions, conversation: tuple[Conversation, list[Node]]
) -> None:
    choose(mailbox, actions, hit(conversation[0], None))
    assert desk.current.id == conversation[0].id and desk.said == ["question", "second"]
    desk.screen.transcript.choose.assert_not_called()


async def test_a_message_in_another_branch_is_shown_and_chosen(
    desk: Desk, mailbox: Mailbox, actions: SearchActions, conversation: tuple[Conversation, list[Node]]
) -> None:
    first = conversation[1][1]
    choose(mailbox, actions, hit(conversation[0], first))
    assert desk.said == ["question", "first"] == texts(desk)
    desk.screen.transcript.choose.assert_called_once_with(first.id)
    assert desk.screen.focused is desk.screen.transcript
    assert desk.current.notice == "Version 1 of 2 is shown: ] goes back to version 2."
    desk.current.clear_notice()
    choose(mailbox, actions, hit(conversation[0], first))
    assert not desk.current.notice, "nothing moves"


async def test_the_way_back_from_a_message_further_down_names_where_the_branch_begins(
    desk: Desk, mailbox: Mailbox, actions: SearchActions
) -> None:
    conversation = Conversation()
    asked, reply = answered(conversation, "What is\na quagga, an animal that is no more?", "An extinct zebra.")
    for text in ("again", "and again"):
        conversation.tree.edit(asked.id, text)
    save(conversation)
    choose(mailbox, actions, hit(conversation, reply))
    quoted = "“What is a quagga, an animal t…”"
    assert desk.current.notice == f"Version 1 of 3 is shown: ] 2 times on {quoted} goes back to version 3."
    desk.current.tree.walk(asked.id, 1)
    choose(mailbox, actions, hit(conversation, conversation.tree.siblings(asked.id)[2]))
    assert desk.current.notice == "Version 3 of 3 is shown: [ goes back to version 2."


async def test_what_was_rolled_back_is_shown_again_and_the_way_back_told(
    desk: Desk, mailbox: Mailbox, actions: SearchActions
) -> None:
    conversation = Conversation()
    answered(conversation, "hello", "Hello you!")
    question, reply = answered(conversation, "question", "reply")
    conversation.tree.move(question.parent)
    save(conversation)
    for node, on in ((question, ""), (reply, " on “question”")):
        choose(mailbox, actions, hit(conversation, node))
        assert desk.said == ["hello", "Hello you!", "question", "reply"]
        assert desk.current.notice == f"This was rolled back and is shown again: u{on} rolls back again."
        desk.current.tree.move(question.parent)


async def test_a_session_that_is_only_read_keeps_its_branch(
    desk: Desk, mailbox: Mailbox, actions: SearchActions, conversation: tuple[Conversation, list[Node]]
) -> None:
    theirs = Store(load_settings().db)
    theirs.open(conversation[0].id)
    question, first, second = conversation[1]
    choose(mailbox, actions, hit(conversation[0], first))
    assert desk.said == ["question", "second"]
    assert desk.current.notice == f"The match is in version 1 of 2. {OPEN_ELSEWHERE}"
    desk.screen.transcript.choose.assert_called_once_with(question.id)
    choose(mailbox, actions, hit(conversation[0], second))
    desk.screen.transcript.choose.assert_called_with(second.id)
    theirs.close()


async def test_what_was_rolled_back_elsewhere_is_called_so(
    desk: Desk, mailbox: Mailbox, actions: SearchActions
) -> None:
    conversation = Conversation()
    question, reply = answered(conversation, "question", "reply")
    conversation.tree.move(question.id)
    save(conversation)
    theirs = Store(load_settings().db)
    theirs.open(conversation.id)
    choose(mailbox, actions, hit(conversation, reply))
    assert "in rolled-back messages" in desk.current.notice and desk.said == ["question"]
    theirs.close()


async def test_what_is_not_there_any_more_is_told(
    desk: Desk, mailbox: Mailbox, actions: SearchActions, conversation: tuple[Conversation, list[Node]]
) -> None:
    before = desk.current
    gone = Conversation()
    choose(mailbox, actions, hit(gone, None))
    assert desk.current is before and desk.current.notice
    desk.current.clear_notice()
    choose(mailbox, actions, hit(conversation[0], gone.tree.add("user", "gone")))
    assert desk.current.id == conversation[0].id and desk.current.notice == CHANGED
    desk.screen.transcript.choose.assert_not_called()


async def test_what_was_found_without_its_accents_is_chosen_with_nothing_pointed_out(
    desk: Desk, mailbox: Mailbox, actions: SearchActions
) -> None:
    conversation = Conversation(title="found")
    question, _ = answered(conversation, "A café-bar?", "Yes.")
    save(conversation)
    (found,) = desk.services.sessions.store.search("cafe-bar")
    assert found.marks == ()
    choose(mailbox, actions, found)
    desk.screen.transcript.choose.assert_called_once_with(question.id)
    desk.screen.transcript.call_after_refresh.assert_not_called()


@pytest.fixture
def story(desk: Desk) -> tuple[Conversation, list[Node]]:
    """A story in the database with two versions of its second piece; the editor shows the second one, edited."""
    conversation = Conversation("story", title="found")
    tree = conversation.tree
    tree.add("author", "Once\nupon")
    hill = tree.add("author", " a dark hill")
    nodes = [hill, tree.edit(hill.id, " a time")]
    save(conversation)
    desk.screen.pane_of.return_value = FakePane("Once\nupon a time")
    return conversation, nodes


async def test_a_match_in_the_shown_version_of_a_story_gets_the_cursor(
    desk: Desk, mailbox: Mailbox, actions: SearchActions, story: tuple[Conversation, list[Node]]
) -> None:
    pane = desk.screen.pane_of()
    choose(mailbox, actions, hit(story[0], story[1][1], "…a time", "time"))
    assert pane.location == (1, len("upon a ")) and "version" not in desk.current.notice


async def test_a_match_in_another_version_is_shown_and_edits_are_kept(
    desk: Desk, mailbox: Mailbox, actions: SearchActions, story: tuple[Conversation, list[Node]]
) -> None:
    pane = desk.screen.pane_of()
    pane.text += " of peace"
    choose(mailbox, actions, hit(story[0], story[1][0], "…dark hill", "hill"))
    assert desk.said == ["Once\nupon", " a dark hill"] == texts(desk)
    assert pane.text == "Once\nupon a dark hill"
    assert desk.current.notice == "Another version of this story is shown: Ctrl+Z goes back to the one you had."
    assert " of peace" in [node.text for node in desk.current.tree], "what was edited is a version"
    assert desk.current.draft == ""


async def test_a_story_that_cannot_be_changed_keeps_its_version(
    desk: Desk, mailbox: Mailbox, actions: SearchActions, story: tuple[Conversation, list[Node]]
) -> None:
    theirs = Store(load_settings().db)
    theirs.open(story[0].id)
    other = hit(story[0], story[1][0], "…dark hill", "hill")
    choose(mailbox, actions, other)
    assert desk.current.notice == f"The match is in another version of this story. {OPEN_ELSEWHERE}"
    theirs.close()
    desk.services.sessions.follow(desk.current)
    assert not desk.current.readonly
    desk.workspace.ask(desk.current, lambda: desk.current.tree.begin("model"))
    choose(mailbox, actions, other)
    assert desk.current.notice == f"The match is in another version of this story. {still_generating()}"
    assert desk.screen.pane_of().location is None
