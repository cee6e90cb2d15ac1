"""Drafts make a reply sooner, and never another one: same ids, same log probabilities, same cache as without."""

import random
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference import Engine, Finished, Model, SamplingParams, Session, Token
from inference.runtime import generation, scheduler
from inference.runtime.drafts import LONGEST, ORDER, SAVED, SHORTEST, Drafts
from tests.backends import rounding
from tests.inference.eager_drafts import Eager
from tests.inference.events import finished


@pytest.fixture(scope="module")
def model(tiny_model, backend) -> Model:
    return Model.load(tiny_model, backend=backend)


@pytest.fixture(scope="module")
def engine(model) -> Iterator[Engine]:
    with Engine(model) as engine:
        yield engine


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation, "Drafts", Eager)


def written(
    session: Session, prompt: list[int], params: SamplingParams, drafts: Sequence[Sequence[int]] = ()
) -> tuple[list, list[float]]:
    """All tokens of the reply, why it ended, and what the session has then; and the tokens' log probabilities."""
    events = list(session.complete([prompt], params, drafts))
    tokens = [event for event in events if isinstance(event, Token)]
    texts = [(token.text, token.token_id) for token in tokens]
    told = [texts, finished(events).reason, session.token_ids, session.cache.length]
    return told, [token.logprob or 0 for token in tokens]


@pytest.mark.usefixtures("eager")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32 - 1),
    temperature=st.sampled_from([0, 0.3, 1.0]),
    penalty=st.sampled_from([1.0, 1.3]),
    most=st.integers(1, 40),
    right=st.integers(0, 30),
)
def test_a_reply_is_the_same_with_drafts(engine, monkeypatch, seed, temperature, penalty, most, right):
    chance = random.Random(seed)
    prompt = chance.choices(range(3, 380), k=12) * 2
    params = SamplingParams(temperature=temperature, repetition_penalty=penalty, seed=seed, max_tokens=most)
    with monkeypatch.context() as patch:
        patch.setattr(scheduler, "DRAFTS", 0)
        alone = engine.new_session()
        plain, logprobs = written(alone, prompt, params)
    sampled = plain[2][len(prompt) :]
    # An earlier reply that is right for a while, and one that is wrong from its second token on.
    others = [sampled[:right] + chance.choices(range(3, 380), k=9), sampled[:1] + chance.choices(range(3, 380), k=9)]
    session = engine.new_session()
    found, drafted = written(session, prompt, params, others)
    assert found == plain
    after = [each.model.forward([9], each.cache.fork()) for each in (session, alone)]
    limit = rounding(
        session.model
    )  # the second session shares the first one's prompt, which is a pass of another shape
    assert np.allclose(drafted, logprobs, rtol=0, atol=limit) and np.allclose(*after, rtol=0, atol=limit)


@pytest.mark.usefixtures("eager")
def test_what_is_repeated_takes_fewer_passes(engine, model, monkeypatch):
    if model.backend == "numpy":
        pytest.skip("the reference takes one token at a time")
    prompt = list(range(3, 40))
    params = SamplingParams(temperature=0, max_tokens=64)
    first = written(engine.new_session(), prompt, params)[0][2][len(prompt) :]
    passes = 0
    forward = model.forward_batch

    def counted(*arguments):
        nonlocal passes
        passes += 1
        return forward(*arguments)

    monkeypatch.setattr(model, "forward_batch", counted)
    events = list(engine.new_session().complete([prompt], params, [first]))
    stats = finished(events).stats
    assert stats.generated_tokens == len(first) and stats.accepted_tokens > len(first) / 2
    assert passes <= 1 + len(first) - stats.accepted_tokens


@pytest.mark.usefixtures("eager")
def test_sessions_in_one_pass_draft_each_for_itself(engine, monkeypatch):
    prompts = [[number, *range(50, 70)] * 2 for number in range(3, 8)]
    params = SamplingParams(temperature=0.7, seed=3, max_tokens=30)
    sessions = [engine.new_session() for _ in prompts]
    with monkeypatch.context() as patch:
        patch.setattr(scheduler, "DRAFTS", 0)
        alone = [written(engine.new_session(), prompt, params)[0][2] for prompt in prompts]
    drafts = [ids[len(prompt) :] for ids, prompt in zip(alone, prompts, strict=True)]
    generations = [
        session.complete([prompt], params, [draft, drafts[0]])
        for session, prompt, draft in zip(sessions, prompts, drafts, strict=True)
    ]
    assert all(isinstance(list(each)[-1], Finished) for each in generations)
    assert [session.token_ids for session in sessions] == alone


def test_a_reply_that_has_ended_keeps_no_index(engine):
    reply = engine.new_session().complete([[5, 6, 7, 8] * 50], SamplingParams(temperature=0, max_tokens=20))
    finished(list(reply))
    assert not reply._drafts._follows and reply._drafts._texts == [[]]


@pytest.mark.usefixtures("eager")
def test_ids_that_the_model_does_not_know_are_no_draft(engine):
    session = engine.new_session()
    events = list(session.complete([[5, 6, 7, 8]], SamplingParams(temperature=0, max_tokens=4), [[10**9, -1], ["a"]]))
    assert finished(events).stats.generated_tokens == 4


def test_what_followed_before_is_drafted():
    drafts = Eager([1, 2, 3, 4, 5, 6, 7, 1, 2, 3])
    assert drafts.draft(16) == [4, 5, 6, 7]
    assert drafts.draft(2) == [4, 5]
    assert drafts.draft(0) == []
    drafts.push(4)
    assert drafts.draft(16) == [5, 6, 7, 1]
    drafts.push(9)
    assert drafts.draft(16) == [], "it went another way"


def test_another_reply_is_drafted_from_its_first_token_on():
    drafts = Eager([1, 2, 3], [[4, 5, 6, 7, 8]])
    assert drafts.draft(16) == [4, 5, 6, 7]


def test_drafts_that_come_true_become_longer():
    drafts = Eager([*range(100), 0, 1, 2])
    lengths = []
    for _ in range(4):
        draft = drafts.draft(100)
        lengths.append(len(draft))
        drafts.verified(len(draft), len(draft), 0)
        for id_ in draft:
            drafts.push(id_)
    assert lengths == [SHORTEST, 2 * SHORTEST, LONGEST, LONGEST]


@pytest.mark.parametrize("steps", [100, 2000])
@pytest.mark.parametrize("longer", [1.4, 2.0])
def test_drafts_that_do_not_come_true_cost_at_most_two_of_a_hundred_steps(steps, longer):
    drafts, seconds, attempts = Drafts([1, 2, 3, 4] * 500), 0.0, 0
    for _ in range(steps):
        draft = drafts.draft(16)
        attempts += bool(draft)
        took = longer if draft else 1.0
        drafts.verified(len(draft), 0, took)
        seconds += took
    assert attempts > 1 and seconds <= 1.02 * steps


def test_what_drafts_have_saved_they_may_lose_again_but_not_all_of_it():
    drafts = Drafts([1, 2, 3, 4] * 500)
    drafts.verified(0, 0, 1.0)
    for _ in range(50):
        draft = drafts.draft(16)
        drafts.verified(len(draft), len(draft), 2.0)
    attempts = 0
    for _ in range(50):
        draft = drafts.draft(16)
        attempts += bool(draft)
        drafts.verified(len(draft), 0, 2.0 if draft else 1.0)
    assert SAVED <= attempts <= SAVED + 3


def test_nothing_is_drafted_before_it_is_known_what_a_step_takes():
    drafts = Drafts([1, 2, 3, 4, 1, 2, 3])
    assert drafts.draft(16) == []
    drafts.verified(0, 0, 1.0)
    assert drafts.draft(16) == [4, 1, 2, 3]


@given(st.lists(st.integers(0, 3), max_size=60), st.lists(st.integers(0, 3), max_size=40))
def test_a_draft_is_always_something_that_stood_behind_the_last_ids(prompt, pushed):
    drafts = Eager(prompt)
    known = list(prompt)
    for id_ in pushed:
        drafts.push(id_)
        known.append(id_)
        if draft := drafts.draft(8):
            tail = known[-ORDER:]
            assert any(
                known[at - ORDER : at] == tail and known[at : at + len(draft)] == draft
                for at in range(ORDER, len(known))
            )
        assert np.all(np.isin(draft, known))
