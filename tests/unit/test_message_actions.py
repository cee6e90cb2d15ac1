"""What is done to messages: each action moves the tip of the conversation or adds to it."""

import pytest

from tests.stubs.script import Script
from tests.unit.conftest import Desk
from tui.actions.messages import NOT_A_SUMMARY, NOTHING_FOLLOWS, ONE_VERSION, UNCHANGED, MessageActions
from tui.conversation.tree import EDITED, Node
from tui.services.notices import still_generating
from tui.storage.store import OPEN_ELSEWHERE


@pytest.fixture
def actions(desk: Desk) -> MessageActions:
    return MessageActions(desk.context)


@pytest.fixture
async def talked(desk: Desk, actions: MessageActions, script: Script) -> MessageActions:
    """After two turns of a chat."""
    desk.load()
    for question, reply in (("first", "one"), ("second", "two")):
        script.reply(reply)
        actions.send(question)
        await desk.come()
    assert desk.said == ["first", "one", "second", "two"]
    return actions


def choose(desk: Desk, number: int) -> None:
    """The message that the keys act on."""
    desk.screen.transcript.chosen = desk.current.tree.path()[number].id


async def test_what_is_said_is_on_disk_before_the_engine_sees_it(desk: Desk, actions: MessageActions) -> None:
    actions.send("hello")
    stored = desk.services.sessions.store.read(desk.current.id)
    assert [node.text for node in stored.tree.path()] == ["hello", ""]
    assert desk.current.state == "queued" and desk.presenter.shown == [desk.current]


async def test_what_is_said_during_a_reply_waits_for_its_end(
    desk: Desk, actions: MessageActions, script: Script
) -> None:
    desk.load()
    hold = script.held("one")
    actions.send("first")
    actions.send("second")
    actions.send("third")
    assert desk.current.typing.queue == ["second", "third"] and desk.current.draft == "second\n\nthird\n\n"
    assert actions.take_back() and desk.screen.composer.text == "third" and desk.current.typing.queue == ["second"]
    await desk.come()
    hold.set()
    await desk.come()
    actions.follow_up(desk.current, desk.current.tip)  # type: ignore[arg-type]
    await desk.come()
    assert desk.said[:3] == ["first", "one", "second"] and desk.current.typed == "third"


async def test_what_waited_for_a_reply_that_was_stopped_is_typed_again(
    desk: Desk, actions: MessageActions, script: Script
) -> None:
    desk.load()
    script.held("one")
    actions.send("first")
    actions.send("second")
    await desk.come()
    desk.services.replies.stop(desk.current)
    await desk.come()
    actions.follow_up(desk.current, desk.current.tip)  # type: ignore[arg-type]
    assert desk.current.typing.queue == [] and desk.screen.composer.text == "second\n\n"
    assert desk.said == ["first", "one"]


async def test_rolling_back_offers_your_message_again(desk: Desk, talked: MessageActions) -> None:
    choose(desk, 2)
    talked.roll_back()
    assert desk.said == ["first", "one"] and desk.screen.composer.text == "second"
    assert desk.screen.focused is desk.screen.composer
    choose(desk, 1)
    talked.roll_back()
    assert desk.said == ["first", "one"], "to the end of a reply"
    desk.screen.transcript.chosen = None
    talked.next_sibling()
    assert desk.said == ["first", "one", "second", "two"], "what was rolled back is the next version"


async def test_keys_that_change_nothing_say_why(desk: Desk, talked: MessageActions) -> None:
    talked.roll_back()
    assert desk.current.notice == NOTHING_FOLLOWS and desk.said == ["first", "one", "second", "two"]
    talked.previous_sibling()
    assert desk.current.notice == ONE_VERSION
    desk.current.tree.edit(desk.current.tree.path()[2].id, "second, changed")
    talked.next_sibling()
    assert desk.current.notice == "Already at the last version."
    talked.previous_sibling()
    assert desk.current.notice == "" and desk.said[2] == "second"
    choose(desk, 2)
    talked.previous_sibling()
    assert desk.current.notice == "Already at the first version."


async def test_an_edited_message_is_another_version(desk: Desk, talked: MessageActions, script: Script) -> None:
    desk.screen.composer.text = "half a thought"
    choose(desk, 2)
    talked.edit()
    assert (desk.screen.composer.text, desk.current.typing.aside) == ("second", "half a thought")
    talked.leave_editing()
    assert (desk.screen.composer.text, desk.current.typing.editing) == ("half a thought", None)
    talked.edit()
    script.reply("two again")
    talked.send("second, changed")
    await desk.come()
    assert desk.said == ["first", "one", "second, changed", "two again"]
    assert desk.screen.composer.text == "half a thought"
    desk.screen.transcript.chosen = desk.current.tree.path()[2].id
    talked.previous_sibling()
    assert desk.said == ["first", "one", "second", "two"]


async def test_an_edited_reply_is_another_version_and_asks_for_nothing(desk: Desk, talked: MessageActions) -> None:
    talked.edit()
    assert desk.screen.composer.text == "two" and desk.current.edited is desk.current.tip
    talked.send("two")
    assert desk.current.notice == UNCHANGED and desk.current.edited is None
    talked.edit()
    talked.send("two, or three")
    assert desk.said == ["first", "one", "second", "two, or three"] and desk.current.reply is None
    tip = desk.current.tip
    assert tip is not None and tip.outcome is not None and tip.outcome.reason == EDITED
    assert desk.current.tree.place(tip.id) == (2, 2) and desk.screen.focused is desk.screen.transcript
    talked.previous_sibling()
    assert desk.said[-1] == "two"


async def test_an_edited_reply_is_continued(desk: Desk, talked: MessageActions, script: Script) -> None:
    talked.edit()
    talked.send("two, or")
    script.reply(" three")
    talked.continue_reply()
    await desk.come()
    assert desk.said == ["first", "one", "second", "two, or three"]
    assert desk.current.tree.place(desk.current.tree.tip or "") == (3, 3)


async def test_a_message_that_has_gone_while_it_was_edited_is_sent_anew(
    desk: Desk, talked: MessageActions, script: Script
) -> None:
    talked.edit()
    desk.current.tree.move(desk.current.tree.path()[1].id)
    desk.current.typing.editing = "0" * 32
    script.reply("three")
    talked.send("third")
    await desk.come()
    assert desk.said == ["first", "one", "third", "three"] and desk.current.typing.editing is None


async def test_a_summary_is_not_edited(desk: Desk, talked: MessageActions) -> None:
    desk.current.tree.compact(Node("0" * 32, None, "system", "What was said."), [])
    talked.edit()
    assert desk.current.notice == NOT_A_SUMMARY and desk.current.typing.editing is None


async def test_a_growing_reply_is_not_edited(desk: Desk, talked: MessageActions, script: Script) -> None:
    script.held("three")
    talked.send("third")
    talked.edit()
    assert desk.current.notice == still_generating() and desk.current.typing.editing is None


async def test_only_replies_are_continued(desk: Desk, talked: MessageActions) -> None:
    choose(desk, 2)
    talked.continue_reply()
    assert "goes to the next message" in desk.current.notice and desk.current.reply is None


async def test_another_reply_stands_beside_the_first(desk: Desk, talked: MessageActions, script: Script) -> None:
    script.reply("two again")
    talked.regenerate()
    await desk.come()
    assert desk.said[-1] == "two again" and desk.current.tree.place(desk.current.tree.tip or "") == (2, 2)
    script.reply("and on a question")
    choose(desk, 0)
    talked.regenerate()
    await desk.come()
    assert desk.said == ["first", "and on a question"]


async def test_a_reply_is_continued(desk: Desk, talked: MessageActions, script: Script) -> None:
    script.reply(" and three")
    talked.continue_reply()
    await desk.come()
    assert desk.said[-1] == "two and three"


async def test_a_fork_is_a_session_of_its_own(desk: Desk, talked: MessageActions) -> None:
    source = desk.current
    choose(desk, 2)
    talked.fork()
    assert desk.current is not source and desk.said == ["first", "one"]
    assert desk.screen.composer.text == "second" and desk.current.title == "fork: first"
    assert [node.text for node in source.tree.path()] == ["first", "one", "second", "two"]
    await desk.mailbox.join()
    assert desk.current.engine is not None
    for opened, title in ((source, "fork 2: first"), (desk.current, "fork 3: first")):
        desk.workspace.enter(opened)
        choose(desk, 1)
        talked.fork()
        assert desk.current.title == title


async def test_one_reply_at_a_time(desk: Desk, talked: MessageActions, script: Script) -> None:
    script.held("three")
    talked.send("third")
    assert not talked.ask(desk.current, lambda: desk.current.tree.begin("assistant"))
    assert desk.current.notice == still_generating()


async def test_what_is_only_read_here_stays_as_it_is(desk: Desk, talked: MessageActions) -> None:
    desk.current.readonly = True
    for act in (talked.roll_back, talked.edit, talked.regenerate, talked.continue_reply, lambda: talked.send("more")):
        desk.current.clear_notice()
        act()
        assert desk.current.notice == OPEN_ELSEWHERE
    assert desk.said == ["first", "one", "second", "two"]


async def test_in_a_story_there_are_no_messages(desk: Desk, actions: MessageActions) -> None:
    desk.current.become_story()
    for act in (actions.roll_back, actions.find, actions.find_next, actions.toggle_thoughts, actions.toggle_details):
        desk.current.clear_notice()
        act()
        assert desk.current.notice
    desk.screen.find_bar.open.assert_not_called()


async def test_a_summary_is_not_regenerated(desk: Desk, talked: MessageActions) -> None:
    tree = desk.current.tree
    tree.compact(Node("", None, "system", "Summary"), tree.path()[2:])
    choose(desk, 0)
    count = len(tree)
    talked.regenerate()
    assert len(tree) == count and desk.current.reply is None and "Only replies" in desk.current.notice


async def test_forks_of_a_session_with_a_long_title_are_told_apart(desk: Desk, talked: MessageActions) -> None:
    source = desk.current
    source.rename("a title that the list cuts off " * 3)
    for _ in range(2):
        desk.workspace.enter(source)
        talked.fork()
    await desk.mailbox.join()
    marks = {line.title.partition(": ")[0] for line in desk.services.sessions.lines()}
    assert marks == {source.shown_title, "fork", "fork 2"}
