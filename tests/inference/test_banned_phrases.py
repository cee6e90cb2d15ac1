"""Banned phrases: never in a reply, nor a part of one on the way; the same seed gives the same text."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference import Engine, Finished, KVCache, Model, ParameterError, SamplingParams, Token
from inference.runtime import generation as generation_module
from inference.runtime.banned_phrases import BannedPhrases
from inference.text.detokenizer import REPLACEMENT
from tests.inference.eager_drafts import Eager
from tests.inference.events import finished
from tests.inference.test_engine import check_cache, ids_of

PROMPT = "Once upon a time"
LENGTH = 30


@pytest.fixture(scope="module")
def model(tiny_model, backend) -> Model:
    return Model.load(tiny_model, backend=backend)


@pytest.fixture(scope="module")
def engine(model):
    with Engine(model) as engine:
        yield engine


def written(engine: Engine, params: SamplingParams, prompt: str = PROMPT) -> str:
    """The text of a reply, of which nothing that was shown is taken back and the cache is what it should be."""
    session = engine.new_session()
    events = list(session.complete(prompt, params))
    text = "".join(event.text for event in events if isinstance(event, Token))
    start = len(session.model.tokenizer.encode(prompt))
    assert session.token_ids[start:][: len(ids_of(events))] == ids_of(events)
    check_cache(session)
    return text


def without(text: str, *phrases: str) -> bool:
    return not any(phrase.casefold() in text.casefold() for phrase in phrases)


def begins(reply: str, phrase: str) -> int:
    """Where the phrase first begins in the reply; below 0 if that is in the prompt."""
    whole = (PROMPT + reply).casefold()
    return whole.find(phrase.casefold(), len(PROMPT) + 1 - len(phrase)) - len(PROMPT)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.data())
def test_a_phrase_that_the_model_would_write_is_never_in_the_text(engine, seed, data):
    params = SamplingParams(seed=seed, max_tokens=LENGTH)
    usual = written(engine, params)
    phrases = []
    for _ in range(data.draw(st.integers(1, 3))) if usual else ():
        start = data.draw(st.integers(0, len(usual) - 1))
        phrase = usual[start : start + data.draw(st.integers(1, 12))].partition(REPLACEMENT)[0]  # whole characters
        if phrase:
            phrases.append(data.draw(st.sampled_from([str.swapcase, str.upper, str]))(phrase))
    banned = SamplingParams(seed=seed, max_tokens=LENGTH, ban=tuple(phrases))
    text = written(engine, banned)
    assert without(text, *phrases)
    assert text == written(engine, banned)
    kept = min((begins(usual, phrase) for phrase in phrases), default=0)
    assert text.startswith(usual[: max(0, kept - 12)])  # all tokens before those with the phrase


def slow_reply(model: Model, prompt: str, params: SamplingParams) -> list[int]:
    """Ids of a reply, by the definition: each time a phrase is in the text, begin again from its first token."""
    start = model.tokenizer.encode(prompt)
    draws = np.random.Generator(np.random.PCG64(params.seed)).random(LENGTH)
    ids: list[int] = []
    excluded: dict[tuple[int, ...], set[int]] = {}
    while len(ids) < LENGTH and not (ids and ids[-1] in model.eos_token_ids):
        logits = model.forward([*start, *ids], model.new_cache(), last_only=True)[0].astype(np.float64)
        logits[list(excluded.get(tuple(ids), ()))] = -np.inf
        cumulative = np.cumsum(np.exp(logits - logits.max()))
        ids.append(int(np.searchsorted(cumulative, draws[len(ids)] * cumulative[-1], side="right")))
        text = model.tokenizer.decode(ids).casefold()
        if places := [text.rfind(phrase.casefold()) for phrase in params.ban if phrase.casefold() in text]:
            first = next(n for n in range(len(ids)) if len(model.tokenizer.decode(ids[: n + 1])) > max(places))
            excluded.setdefault(tuple(ids[:first]), set()).add(ids[first])
            del ids[first:]
    return ids


def plain_text(model: Model) -> tuple[tuple[int, float], ...]:
    """A bias against all tokens that are not ASCII text, so that each has characters of its own."""
    texts = {id_: model.tokenizer.decode([id_], skip_special_tokens=False) for id_ in range(model.samplable)}
    return tuple((id_, -100.0) for id_, text in texts.items() if not text.isascii() or id_ < 3)


@pytest.mark.parametrize("seed", range(4))
def test_it_is_what_going_back_by_hand_gives(engine, model, seed, monkeypatch):
    """With phrases that are often there: of one letter, of several tokens, one within another."""
    monkeypatch.setattr(model, "forward", unbiased(model))
    ban = ("e", " t", "on", "s a", "once", "q")
    params = SamplingParams(seed=seed, max_tokens=LENGTH, ban=ban, logit_bias=plain_text(model))
    generation = engine.new_session().complete(PROMPT, params)
    finished(list(generation))
    assert [id_ for id_ in slow_reply(model, PROMPT, params) if id_ not in model.eos_token_ids] == generation.token_ids


def unbiased(model: Model):
    """``forward`` with the bias of ``plain_text`` in its logits."""
    forward, bias = model.forward, plain_text(model)

    def biased(*args, **kwargs):
        logits = forward(*args, **kwargs).copy()
        for id_, value in bias:
            logits[:, id_] += np.float32(value)
        return logits

    return biased


def test_across_tokens_and_in_any_spelling_of_them(model):
    """The same text from other tokens is the same phrase."""
    tokenizer = model.tokenizer
    [the] = tokenizer.encode_continuation(" the")
    for ids, taken in (([the], [1]), ([tokenizer.token_id(letter) for letter in "Ġthe"], [0, 0, 0, 3])):
        banned = BannedPhrases(["THE"], tokenizer, tokenizer.encode("a"))
        assert [banned.push(id_, 0.0) for id_ in ids] == taken
        assert banned.count == len(ids) - taken[-1]


def test_tokens_are_withheld_as_long_as_a_phrase_could_begin_in_them(model):
    tokenizer = model.tokenizer
    h, o, u, x = (tokenizer.token_id(letter) for letter in "houx")
    banned = BannedPhrases(["hot", "ou"], tokenizer, tokenizer.encode("a"))
    assert (banned.push(h, -1.0), banned.release()) == (0, [])
    assert (banned.push(o, -2.0), banned.release(), banned.count) == (0, [], 2)
    assert banned.push(u, -3.0) == 2  # the last phrase, so that h stays
    assert (banned.push(x, -4.0), banned.release()) == (0, [(h, -1.0), (x, -4.0)])
    assert banned.flush() == []


def test_half_a_character_is_withheld_and_taken_back_with_the_other_half(model):
    tokenizer = model.tokenizer
    first, second = (tokenizer.token_id(token) for token in "Ã©")  # the two bytes of é, as the tokenizer spells them
    banned = BannedPhrases(["É"], tokenizer, tokenizer.encode("a"))
    assert (banned.push(first, 0.0), banned.release()) == (0, [])
    assert banned.push(second, 0.0) == 2


def test_a_phrase_may_begin_in_the_prompt(engine, model):
    greedy = SamplingParams(temperature=0, max_tokens=4)
    usual = written(engine, greedy)
    phrase = "time" + usual[:1]
    text = written(engine, SamplingParams(temperature=0, max_tokens=4, ban=(phrase,)))
    assert without(PROMPT + text, phrase)
    assert text != usual
    # What the user wrote stays, and does not count.
    assert written(engine, SamplingParams(temperature=0, max_tokens=4, ban=("once",))) == usual


def test_stop_strings_limits_and_the_end_come_as_they_would(engine):
    params = SamplingParams(seed=5, max_tokens=60)
    usual = engine.new_session().complete(PROMPT, params)
    finished(list(usual))
    stop = usual.text[20:23]
    never = usual.text[-3:] + "never"  # begins where the reply ends
    for ban in ((never,), (stop + "never",)):
        other = engine.new_session().complete(PROMPT, SamplingParams(seed=5, max_tokens=60, ban=ban))
        end = finished(list(other))
        assert (other.text, other.token_ids) == (usual.text, usual.token_ids)
        assert end.stats.generated_tokens == usual.stats.generated_tokens
        cut = SamplingParams(seed=5, max_tokens=60, ban=ban, stop=(stop,))
        stopped = engine.new_session().complete(PROMPT, cut)
        assert finished(list(stopped)).reason == "stop"
        assert stopped.text == usual.text[: usual.text.index(stop)]


def test_cancelling_keeps_what_was_withheld(engine, model):
    tail = "".join(map(chr, range(32, 127)))
    params = SamplingParams(seed=1, logit_bias=plain_text(model), ban=tuple(each + "~" * 150 for each in tail))
    session = engine.new_session()
    generation = session.complete(PROMPT, params)
    seen = 0
    while not seen:
        seen = generation.stats.generated_tokens or len(session.token_ids) > 20
    generation.cancel()
    assert finished(list(generation)).reason == "cancelled"
    prompt = len(generation.prompt_ids)
    assert session.token_ids[prompt:] == generation.token_ids


def test_where_everything_is_banned_the_reply_ends(engine, model):
    letters = tuple({chr(code).casefold() for code in range(128)})
    params = SamplingParams(seed=0, max_tokens=50, ban=letters, logit_bias=plain_text(model))
    session = engine.new_session()
    events = list(session.complete(PROMPT, params))
    assert isinstance(events[-1], Finished) and events[-1].reason == "banned"
    assert ids_of(events) == []
    check_cache(session)
    # The session goes on.
    assert finished(list(session.complete(PROMPT, SamplingParams(temperature=0, max_tokens=3)))).reason == "length"


def test_a_phrase_longer_than_the_context_is_harmless(engine):
    session = engine.new_session()
    session.limit(40)
    usual = session.complete(PROMPT, SamplingParams(temperature=0))
    finished(list(usual))
    banned = session.complete(PROMPT, SamplingParams(temperature=0, ban=(usual.text + "x" * 100,)))
    assert finished(list(banned)).reason == usual_reason(usual)
    assert banned.text == usual.text


def usual_reason(generation) -> str:
    return "context" if len(generation.prompt_ids) + len(generation.token_ids) >= 40 else "stop"


def params_of(engine: Engine) -> list[SamplingParams]:
    """Of several replies in which phrases are taken back, and the other samplers are on."""
    every = {"dry_multiplier": 0.8, "xtc_probability": 0.5, "typical_p": 0.95, "top_k": 100, "max_tokens": LENGTH}
    return [SamplingParams(seed=seed, ban=("e", " a", "th"), logit_bias=(("s", 1),), **every) for seed in range(4)]


def test_alone_or_together_and_once_more(engine):
    params = params_of(engine)
    alone = [written(engine, each) for each in params]
    together = [engine.new_session().complete(PROMPT, each) for each in params]
    for generation in together:
        finished(list(generation))
    assert [generation.text for generation in together] == alone
    session = engine.new_session()
    for each, text in zip(params, alone, strict=True):  # regenerating
        again = session.complete(PROMPT, each)
        finished(list(again))
        assert again.text == text


def test_drafts_change_nothing(engine, model, monkeypatch):
    """Neither of the text without the phrases, which is right up to the first, nor of the one that comes out."""
    phrases = {"ban": ("on", "he", " th"), "logit_bias": plain_text(model)}
    params = [SamplingParams(seed=seed, max_tokens=LENGTH, **phrases) for seed in range(4)]
    usual = [written(engine, each) for each in params]
    monkeypatch.setattr(generation_module, "Drafts", Eager)
    encode, accepted = model.tokenizer.encode_continuation, 0
    for each, text in zip(params, usual, strict=True):
        unbanned = engine.new_session().complete(PROMPT, replace(each, ban=()))
        finished(list(unbanned))
        for drafts in ([unbanned.token_ids], [encode(text)], [encode(text), unbanned.token_ids]):
            session = engine.new_session()
            generation = session.complete(PROMPT, each, drafts)
            accepted += finished(list(generation)).stats.accepted_tokens
            assert generation.text == text
            check_cache(session)
    assert accepted or model.backend == "numpy"


def test_after_a_restart_it_is_the_same(engine, model, tmp_path):
    [params, *_] = params_of(engine)
    session = engine.new_session()
    first = session.complete(PROMPT, params)
    finished(list(first))
    assert session.save(tmp_path / "saved")
    cache, ids = KVCache.load(tmp_path / "saved", model)
    check = engine.new_session(cache=cache, token_ids=ids)
    again, more = (each.complete([session.token_ids, " and"], params) for each in (session, check))
    assert [finished(list(again)).reason, again.text] == [finished(list(more)).reason, more.text]


def test_a_bias_on_a_missing_token_is_an_error_before_anything_is_computed(engine):
    session = engine.new_session()
    with pytest.raises(ParameterError, match="not one token"):
        session.complete(PROMPT, SamplingParams(logit_bias=(("no such token", 1),)))
    assert session.token_ids == []
    finished(list(session.complete(PROMPT, SamplingParams(max_tokens=1))))
