"""Events of a generation become one message per reply and tick."""

from inference import InferenceError
from tests.stubs.fake_engine import FakeEngine, FakeModel
from tests.stubs.mailbox import Mailbox
from tests.stubs.script import Script
from tui.messages import ReplyProgressed
from tui.services.event_poller import EventPoller
from tui.services.reply import Reply


def asked(model: FakeModel) -> Reply:
    reply = Reply("node", None)
    reply.generation = FakeEngine(model).new_session().complete("Once upon a time")  # type: ignore[assignment]
    return reply


def test_what_came_since_the_last_tick_is_one_message(model: FakeModel, script: Script) -> None:
    hold = script.held("in a ", "garden ")
    mailbox, reply = Mailbox(), asked(model)
    EventPoller(mailbox).watch(reply)  # type: ignore[arg-type]
    mailbox.tick()
    (progress,) = mailbox.messages
    assert isinstance(progress, ReplyProgressed)
    assert (progress.text, progress.ended) == ("in a garden ", False)
    assert (reply.tokens, reply.prompt_tokens, reply.prefill, reply.streaming) == (2, 4, (4, 4), True)
    mailbox.tick()
    assert len(mailbox.messages) == 1, "nothing has come meanwhile"
    hold.set()
    mailbox.tick()
    assert mailbox.messages[-1].ended and mailbox.messages[-1].finished.reason == "stop"


def test_it_polls_only_while_something_is_on_its_way(model: FakeModel, script: Script) -> None:
    mailbox = Mailbox()
    poller = EventPoller(mailbox)  # type: ignore[arg-type]
    first, second = script.held("one"), script.held("two")
    for _ in range(2):
        poller.watch(asked(model))
    assert len(mailbox.timers) == 1
    first.set()
    mailbox.tick()
    assert mailbox.timers[0].running
    second.set()
    mailbox.tick()
    assert not mailbox.timers[0].running
    poller.watch(asked(model))
    assert mailbox.timers[1].running


def test_an_error_ends_a_reply_and_leaves_the_others(model: FakeModel, script: Script) -> None:
    mailbox = Mailbox()
    poller = EventPoller(mailbox)  # type: ignore[arg-type]
    script.reply("one", InferenceError("it broke"))
    script.held("two")
    replies = [asked(model), asked(model)]
    for reply in replies:
        poller.watch(reply)
    mailbox.tick()
    failed, other = mailbox.messages
    assert failed.reply is replies[0] and failed.failure == "it broke" and failed.ended
    assert other.reply is replies[1] and not other.ended
    assert mailbox.timers[0].running
