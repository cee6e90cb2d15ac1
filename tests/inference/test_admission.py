"""Memory decides who is admitted: requests wait for it, idle caches make room, and a reply that finds none ends."""

import pytest

from inference import Engine, Failed, Finished, Generation, MemoryLimitError, Model, SamplingParams, Token
from inference.runtime import engine as engine_module
from tests.inference.events import finished

GREEDY = SamplingParams(temperature=0, max_tokens=12)


@pytest.fixture(scope="module")
def model(tiny_model) -> Model:
    return Model.load(tiny_model)


def endless(model: Model, tokens: int) -> SamplingParams:
    """Parameters under which no end token comes before so many tokens."""
    never = tuple((token_id, -100.0) for token_id in model.eos_token_ids)
    return SamplingParams(seed=1, max_tokens=tokens, logit_bias=never)


def ask_all(sessions, tokens: int) -> list[Generation]:
    """Replies of so many tokens to prompts that have nothing in common."""
    params = endless(sessions[0].model, tokens)
    return [session.complete([[5 + number] * 3], params) for number, session in enumerate(sessions)]


def test_without_memory_a_request_waits_and_idle_caches_make_room(model, monkeypatch):
    with Engine(model, cache_budget=2**30) as engine:
        first, second, third = (engine.new_session() for _ in range(3))
        finished(list(first.complete("Once", GREEDY)))
        monkeypatch.setattr(engine_module, "available_memory", lambda: 0)
        finished(list(second.complete("Once", GREEDY)))
        assert (first.resident_bytes, second.cache.length > 0) == (0, True)
        streaming = second.complete("Once", endless(model, 100))
        next(event for event in streaming if isinstance(event, Token))
        waiting = third.complete("Never", GREEDY)
        events = list(streaming)
        assert finished(events).reason == "length" and len(events) > 90
        assert finished(list(waiting)).reason == "length"
        assert second.resident_bytes == 0, "it made room once it was idle"


def test_requests_are_admitted_as_far_as_their_memory_goes_in_order_of_arrival(model, monkeypatch):
    with Engine(model, cache_budget=0) as engine:
        sessions = [engine.new_session() for _ in range(4)]
        block = sessions[0].cache.growth(1)
        # Two of them have a place, with a block for each.
        monkeypatch.setattr(
            engine_module, "available_memory", lambda: 2 * block - sum(each.resident_bytes for each in sessions)
        )
        replies = ask_all(sessions, 60)
        events = [list(reply) for reply in replies]
        stats = [finished(each).stats for each in events]
        assert [each.generated_tokens for each in stats] == [60] * 4
        submitted = [reply._submitted for reply in replies]
        begun = [at + each.first_token_seconds for at, each in zip(submitted, stats, strict=True)]
        ended = [at + each.total_seconds for at, each in zip(submitted, stats, strict=True)]
        assert max(begun[:2]) < min(ended[:2]) < begun[2] < begun[3]


def test_where_memory_goes_meanwhile_the_reply_that_finds_none_ends(model, monkeypatch):
    with Engine(model, cache_budget=0) as engine:
        sessions = [engine.new_session() for _ in range(2)]
        block = sessions[0].cache.growth(1)
        replies = ask_all(sessions, 400)
        for reply in replies:
            next(event for event in reply if isinstance(event, Token))
        # For a third block, but not for a fourth.
        monkeypatch.setattr(
            engine_module, "available_memory", lambda: 3 * block - sum(each.resident_bytes for each in sessions)
        )
        ends = sorted(([*reply][-1] for reply in replies), key=lambda end: isinstance(end, Failed))
        assert isinstance(ends[0], Finished) and ends[0].reason == "length"
        assert isinstance(ends[1], Failed) and isinstance(ends[1].error, MemoryLimitError)
        assert "no memory for more than 256 tokens" in str(ends[1].error)
