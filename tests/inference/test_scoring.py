"""How probable the tokens of a reply were: as a fresh pass says, with nothing computed twice, and what follows."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference import Engine, Failed, Finished, InferenceError, Model, SamplingParams, Scored, Token
from inference.runtime import scoring
from inference.runtime.scoring import scored
from inference.text.detokenizer import text_after, texts_of
from tests.inference.events import finished

QUESTION = [{"role": "user", "content": "How is the weather today?"}]
PARAMS = SamplingParams(temperature=1.0, seed=2, max_tokens=24)
GREEDY = SamplingParams(temperature=0, max_tokens=8)


@pytest.fixture(scope="module")
def model(tiny_model, backend) -> Model:
    return Model.load(tiny_model, backend=backend)


@pytest.fixture(scope="module")
def reference(tiny_model) -> Model:
    return Model.load(tiny_model, backend="numpy")


@pytest.fixture
def engine(model):
    with Engine(model) as engine:
        yield engine


def replied(session) -> dict:
    """A message with the ids that were sampled for it."""
    generation = session.reply(QUESTION, PARAMS)
    events = list(generation)
    finished(events)
    content = "".join(event.text for event in events if isinstance(event, Token))
    return {"role": "assistant", "content": content, "token_ids": generation.token_ids}


def places(request) -> list[Scored]:
    events = list(request)
    finished(events)
    return [event for event in events if isinstance(event, Scored)]


def log_probabilities(reference: Model, ids: list[int]) -> np.ndarray:
    """Of a fresh pass, float64 [ids, vocab_size]."""
    logits = reference.forward(ids, reference.new_cache()).astype(np.float64)[:, : reference.samplable]
    return (
        logits
        - np.log(np.exp(logits - logits.max(-1, keepdims=True)).sum(-1, keepdims=True))
        - logits.max(-1, keepdims=True)
    )


@pytest.mark.parametrize("rows", [1, 7, 256])
def test_probabilities_are_those_of_a_fresh_pass(engine, model, reference, monkeypatch, rows):
    monkeypatch.setattr(scoring, "LOGIT_BYTES", rows * 4 * model.config.vocab_size)
    session = engine.new_session()
    reply = replied(session)
    copy = engine.new_session(cache=session.load_cache().fork(), token_ids=session.token_ids)
    before = model.counters.rows
    request = copy.score([*QUESTION, reply])
    found = places(request)
    assert request.token_ids == reply["token_ids"]
    assert model.counters.rows - before == len(reply["token_ids"]) + 1, "only the reply is read, from the token before"
    fresh = log_probabilities(reference, request.prompt_ids)[request.start - 1 :]
    assert len(found) == len(fresh) == len(reply["token_ids"]) + 1
    for place, row, token_id in zip(found, fresh, [*reply["token_ids"], None], strict=True):
        assert place.token_id == token_id
        assert len(place.likeliest) == 10
        for id_, logprob in place.likeliest:
            assert logprob == pytest.approx(row[id_], abs=1e-4)
        assert sorted((logprob for _, logprob in place.likeliest), reverse=True) == [p for _, p in place.likeliest]
        assert min(row[id_] for id_, _ in place.likeliest) >= np.sort(row)[-10] - 1e-4
        if token_id is not None:
            assert place.logprob == pytest.approx(row[token_id], abs=1e-4)
            assert abs(place.rank - 1 - np.count_nonzero(row > row[token_id])) <= np.count_nonzero(
                abs(row - row[token_id]) < 1e-4
            )


def test_they_are_those_that_were_reported_when_the_tokens_were_sampled(engine):
    session = engine.new_session()
    generation = session.reply(QUESTION, PARAMS)
    sampled = [event for event in generation if isinstance(event, Token) and event.token_id is not None]
    reply = {"role": "assistant", "content": generation.text, "token_ids": generation.token_ids}
    found = places(session.score([*QUESTION, reply]))
    assert [place.token_id for place in found[:-1]] == [event.token_id for event in sampled]
    assert [place.logprob for place in found[:-1]] == pytest.approx([event.logprob for event in sampled], abs=1e-4)


@pytest.mark.parametrize("at", [0, 5, 23])
def test_a_branch_is_what_a_prompt_with_these_ids_gives_and_computes_one_token(engine, model, at):
    session = engine.new_session()
    reply = replied(session)
    request = session.score([*QUESTION, reply])
    found = places(request)
    ordinary = [id_ for id_, _ in found[at].likeliest if model.tokenizer.ordinary([id_])]
    texts = {id_: text_after(model.tokenizer, request.prompt_ids[: request.start + at], [id_]) for id_ in ordinary}
    other = next(
        id_ for id_ in ordinary if id_ != reply["token_ids"][at] and texts[id_].strip() and "�" not in texts[id_]
    )
    ids = [*reply["token_ids"][:at], other]
    kept = "".join(texts_of(model.tokenizer, request.prompt_ids[: request.start], reply["token_ids"])[:at])
    branch = {"role": "assistant", "content": kept + texts[other], "token_ids": ids}
    rows = model.counters.rows
    generation = session.reply([*QUESTION, branch], GREEDY, continue_final_message=True)
    finished(list(generation))
    assert generation.prompt_ids == [*request.prompt_ids[: request.start], *ids]
    assert generation.reused_tokens == len(generation.prompt_ids) - 1
    assert model.counters.rows - rows == 1 + len(generation.token_ids) - (len(generation.token_ids) == 8)
    fresh = model.new_cache()
    logits, expected = model.forward(generation.prompt_ids, fresh), []
    while len(expected) < len(generation.token_ids):
        expected.append(int(logits[-1][: model.samplable].argmax()))
        logits = model.forward(expected[-1:], fresh)
    assert generation.token_ids == expected


def test_a_text_is_scored_from_its_last_piece_on(engine, model, reference):
    session, ids = engine.new_session(), model.tokenizer.encode_continuation(" there was a house.")
    request = session.score_text(["Once upon a time", ids])
    found = places(request)
    assert request.token_ids == ids == [place.token_id for place in found[:-1]]
    fresh = log_probabilities(reference, request.prompt_ids)
    for place, row in zip(found[:-1], fresh[request.start - 1 :], strict=False):
        assert place.logprob == pytest.approx(row[place.token_id], abs=1e-4)


def test_a_reply_without_ids_is_encoded(engine, model):
    request = engine.new_session().score([*QUESTION, {"role": "assistant", "content": "The sun is out."}])
    assert len(places(request)) == len(request.token_ids) + 1
    assert "".join(texts_of(model.tokenizer, request.prompt_ids[: request.start], request.token_ids)) == (
        "The sun is out."
    )


def test_beside_other_sessions_and_cancelled(engine, model):
    one, other = engine.new_session(), engine.new_session()
    reply = replied(one)
    alone = places(one.score([*QUESTION, reply]))
    generation = other.complete("Once upon a time", SamplingParams(temperature=0, max_tokens=60))
    beside = places(one.score([*QUESTION, reply]))
    for first, second in zip(alone, beside, strict=True):
        assert first.logprob == pytest.approx(second.logprob, abs=0 if model.backend == "jit" else 1e-4)
    finished(list(generation))
    text = {"role": "assistant", "content": "How is the weather? " * 20}
    request = one.score([*QUESTION, text])
    request.cancel()
    assert finished(list(request)).reason in ("cancelled", "stop")
    assert [place.logprob for place in places(one.score([*QUESTION, reply]))][:-1] == pytest.approx(
        [place.logprob for place in alone][:-1], abs=1e-4
    )


def test_what_does_not_fit_or_is_nothing_is_refused(engine):
    session = engine.new_session()
    with pytest.raises(InferenceError, match="context holds 512"):
        session.score([*QUESTION, {"role": "assistant", "content": "word " * 600}])
    with pytest.raises(InferenceError, match="There is nothing to continue"):
        session.score_text([])
    session.close()
    with pytest.raises(InferenceError, match="closed"):
        session.score_text(["Once", " upon"])


def test_weights_that_give_nan_end_it(engine, model, monkeypatch):
    session, sound = engine.new_session(), model.forward_batch

    def broken(batch, last_only, check_cancelled):
        return [rows * np.float32(np.nan) for rows in sound(batch, last_only, check_cancelled)]

    with monkeypatch.context() as patched:
        patched.setattr(model, "forward_batch", broken)
        events = list(session.score_text(["Once", " upon a time"]))
    assert isinstance(events[-1], Failed) and "NaN logits" in str(events[-1].error)
    assert isinstance(list(session.score_text(["Once", " upon a time"]))[-1], Finished)


@given(st.lists(st.sampled_from([-3.0, 0.0, 0.5, 2.0, 80.0]), min_size=1, max_size=40), st.data())
def test_ranks_agree_with_the_order_of_the_likeliest(values, data):
    logits = np.array(values, np.float32)
    token_id = data.draw(st.integers(0, len(values) - 1))
    place = scored(logits, token_id, 10)
    order = sorted(range(len(values)), key=lambda id_: (-values[id_], id_))
    assert [id_ for id_, _ in place.likeliest] == order[:10]
    assert place.rank == order.index(token_id) + 1
    total = math.log(sum(math.exp(value - 80) for value in values)) + 80
    assert place.logprob == pytest.approx(values[token_id] - total, abs=1e-4)


def test_texts_of_tokens_that_are_no_characters(model):
    tokenizer = model.tokenizer
    ids = tokenizer.encode_continuation("a 🙂!")
    texts = texts_of(tokenizer, [], ids)
    assert "".join(texts) == "a 🙂!" and "" in texts
    begun = texts.index("")
    assert text_after(tokenizer, ids[:begun], [ids[begun]]).strip("�") == ""
    assert text_after(tokenizer, [], [tokenizer.control_tokens["<|im_end|>"]]) == "<|im_end|>"
    assert texts_of(tokenizer, [], []) == []
