"""The fake engine behaves as the real one does where the interface looks."""

import threading

import pytest

from inference import (
    BusyError,
    ContextOverflowError,
    Failed,
    Finished,
    InferenceError,
    Prefill,
    Queued,
    SamplingParams,
    Started,
    Token,
)
from tests.stubs.fake_engine import FakeEngine, FakeModel
from tests.stubs.script import Script, endless

HELLO = [{"role": "user", "content": "hello there"}]


def test_a_script_is_streamed_in_the_order_of_the_real_events(model: FakeModel, script: Script) -> None:
    script.reply("Good ", "morning")
    session = FakeEngine(model).new_session()
    generation = session.reply(HELLO)
    events = list(generation)
    assert [type(event) for event in events] == [Queued, Prefill, Started, Token, Token, Finished]
    assert generation.text == "Good morning" and generation.done
    assert session.token_ids == [*generation.prompt_ids, *generation.token_ids]
    assert script.prompts == ["\nuser:\nhello there\nassistant:\n"]


def test_an_event_holds_a_reply_until_it_is_set_or_the_reply_cancelled(model: FakeModel, script: Script) -> None:
    engine = FakeEngine(model)
    for cancelled in (False, True):
        hold = threading.Event()
        script.reply("one ", hold, "two")
        generation = engine.new_session().reply(HELLO)
        assert [event.text for event in generation.poll() if isinstance(event, Token)] == ["one "]
        assert generation.poll() == [] and not generation.done
        generation.cancel() if cancelled else hold.set()
        last = generation.poll()[-1]
        assert isinstance(last, Finished) and last.reason == ("cancelled" if cancelled else "stop")
        assert generation.text == ("one " if cancelled else "one two")


def test_errors_and_limits_end_a_reply(model: FakeModel, script: Script) -> None:
    session = FakeEngine(model).new_session()
    script.reply("one ", InferenceError("it broke"), "two")
    failed = list(session.reply(HELLO))[-1]
    assert isinstance(failed, Failed) and str(failed.error) == "it broke"
    script.reply(*["word "] * 10)
    limited = session.reply(HELLO, SamplingParams(max_tokens=3))
    assert list(limited)[-1].reason == "length" and len(limited.token_ids) == 3
    script.usual = endless
    full = session.complete("Once")
    assert list(full)[-1].reason == "context"
    assert len(session.token_ids) == model.config.max_position_embeddings


def test_only_what_is_new_is_computed(model: FakeModel, script: Script) -> None:
    script.reply("Hi!")
    session = FakeEngine(model).new_session()
    first = session.reply(HELLO)
    list(first)
    again = session.reply([*HELLO, {"role": "assistant", "content": first.text, "token_ids": first.token_ids}, *HELLO])
    list(again)
    assert again.reused_tokens == len(first.prompt_ids)
    rows = model.counters.rows
    list(session.reply(HELLO))
    assert model.counters.rows - rows == 1 + len(again.token_ids) - 1  # the last of the prompt, then each but the last


def test_one_reply_at_a_time_and_none_that_does_not_fit(model: FakeModel, script: Script) -> None:
    session = FakeEngine(model).new_session()
    script.held("one")
    session.reply(HELLO)
    with pytest.raises(BusyError):
        session.reply(HELLO)
    with pytest.raises(ContextOverflowError, match="holds 512"):
        FakeEngine(model).new_session().complete("word " * 1000)
