"""Each sampler against its definition, written out the slow way."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from inference import InferenceError, ParameterError, SamplingParams
from inference.runtime.sampling import Sampler

# Ids that these parameters gave before there were other samplers.
GOLDEN = [
    (SamplingParams(seed=7), [33, 44, 24, 25, 1, 26, 1, 33, 49, 34, 12, 15]),
    (
        SamplingParams(seed=8, temperature=0.7, top_k=10, repetition_penalty=1.3),
        [30, 4, 24, 33, 0, 23, 6, 20, 49, 34, 37, 21],
    ),
    (SamplingParams(seed=9, top_p=0.8, min_p=0.02), [4, 6, 24, 16, 0, 23, 49, 6, 49, 34, 1, 21]),
    (SamplingParams(temperature=0, repetition_penalty=2.0), [30, 20, 24, 33, 7, 23, 37, 31, 49, 34, 12, 21]),
]
LOGITS = hnp.arrays(np.float32, 40, elements=st.floats(-20, 20, width=32))


def allowed(logits, params: SamplingParams, draws: int = 300) -> set[int]:
    """The ids that a few hundred draws give."""
    sampler = Sampler(params, len(logits))
    return {sampler.sample(logits)[0] for _ in range(draws)}


def slow_candidates(logits, p: SamplingParams) -> set[int]:
    scores = logits.astype(np.float64) / p.temperature
    order = sorted(range(len(scores)), key=lambda i: (-scores[i], i))
    order = order[: p.top_k or None]
    weights = [math.exp(scores[i] - scores[order[0]]) for i in order]
    kept, mass = [], 0.0
    for i, weight in zip(order, weights, strict=True):
        if mass >= p.top_p * sum(weights) or weight < p.min_p:
            break
        kept.append(i)
        mass += weight
    return set(kept)


@given(LOGITS, st.integers(0, 45), st.sampled_from([1.0, 0.9, 0.5, 0.05]), st.sampled_from([0.0, 0.1, 0.5]))
def test_only_candidates_are_drawn(logits, top_k, top_p, min_p):
    logits = np.round(logits, 1)
    params = SamplingParams(temperature=1.3, top_k=top_k, top_p=top_p, min_p=min_p, seed=0)
    assert allowed(logits, params, draws=40) <= slow_candidates(logits, params)


@pytest.mark.slow
def test_frequencies_follow_the_distribution():
    logits = np.log(np.array([0.5, 0.3, 0.15, 0.05], np.float32))
    for params in (SamplingParams(seed=1), SamplingParams(top_k=4, top_p=0.999, seed=1)):
        sampler = Sampler(params, 4)
        counts = np.bincount([sampler.sample(logits)[0] for _ in range(20_000)], minlength=4) / 20_000
        assert np.abs(counts - [0.5, 0.3, 0.15, 0.05]).max() < 0.015


@given(LOGITS)
def test_greedy_takes_the_first_of_the_likeliest(logits):
    token, logprob = Sampler(SamplingParams(temperature=0), 40).sample(logits)
    assert token == int(logits.argmax())
    exact = logits.astype(np.float64) - np.log(np.exp(logits.astype(np.float64)).sum())
    assert logprob == pytest.approx(exact[token], abs=1e-4)


def test_logprob_is_the_models_own():
    logits = np.array([2.0, 1.0, 0.0], np.float32)
    sampler = Sampler(SamplingParams(temperature=0, repetition_penalty=10.0), 3, seen=[0])
    token, logprob = sampler.sample(logits)
    assert token == 1
    assert logprob == pytest.approx(1.0 - math.log(math.exp(2) + math.exp(1) + 1), abs=1e-5)


def test_repetition_penalty_divides_what_is_positive_and_multiplies_what_is_not():
    assert Sampler(SamplingParams(temperature=0, repetition_penalty=2.0), 2, seen=[0]).sample(
        np.array([1.9, 1.0], np.float32)
    ) == (1, pytest.approx(-1.2411, abs=1e-3))
    assert (
        Sampler(SamplingParams(temperature=0, repetition_penalty=2.0), 2, seen=[0]).sample(
            np.array([-1.0, -1.5], np.float32)
        )[0]
        == 1
    )
    sampler = Sampler(SamplingParams(temperature=0, repetition_penalty=5.0), 2)
    logits = np.array([2.0, 1.0], np.float32)
    assert [sampler.sample(logits)[0] for _ in range(3)] == [0, 1, 0]


def test_the_same_seed_gives_the_same_tokens_and_logits_are_left_alone():
    logits = np.random.default_rng(0).standard_normal(500).astype(np.float32)
    before = logits.copy()
    first, second = (Sampler(SamplingParams(seed=7, top_p=0.9), 500) for _ in range(2))
    assert [first.sample(logits) for _ in range(50)] == [second.sample(logits) for _ in range(50)]
    assert (logits == before).all()
    fresh = {Sampler(SamplingParams(), 500).seed for _ in range(5)}
    assert len(fresh) == 5


def test_draws_are_what_they_always_were():
    """Saved seeds have to give the replies they gave."""
    random = np.random.default_rng(1)
    logits = [random.normal(0, 2, 50).astype(np.float32) for _ in range(12)]
    for params, expected in GOLDEN:
        sampler = Sampler(params, 50, seen=range(5))
        assert [sampler.sample(each)[0] for each in logits] == expected


def test_rows_beyond_the_tokenizer_are_never_sampled():
    logits = np.array([0, 0, 50, 50], np.float32)
    assert allowed(logits, SamplingParams(seed=0)) == {2, 3}
    sampler = Sampler(SamplingParams(seed=0), 2)
    assert {sampler.sample(logits)[0] for _ in range(100)} == {0, 1}


def test_extremes():
    logits = np.array([1e30, -1e30, 0], np.float32)
    assert allowed(logits, SamplingParams(temperature=1e-30, seed=0)) == {0}
    assert allowed(logits, SamplingParams(temperature=5, top_p=0.5, seed=0)) == {0}
    with pytest.raises(InferenceError, match="NaN logits"):
        Sampler(SamplingParams(), 3).sample(np.array([0, np.nan, 1], np.float32))


@pytest.mark.parametrize(
    "bad",
    [
        {"temperature": -0.1},
        {"temperature": math.nan},
        {"top_k": -1},
        {"top_k": 1.5},
        {"top_p": 0},
        {"top_p": 1.1},
        {"min_p": -1},
        {"repetition_penalty": 0},
        {"seed": -1},
        {"max_tokens": 0},
        {"stop": ("",)},
        {"temperature": "hot"},
    ],
)
def test_bad_parameters_are_named(bad):
    with pytest.raises(ParameterError, match=next(iter(bad))):
        SamplingParams(**bad)


def test_generation_config():
    values = {"do_sample": True, "temperature": 0.6, "top_k": 20, "top_p": None, "eos_token_id": 5}
    assert SamplingParams.from_generation_config(values) == SamplingParams(temperature=0.6, top_k=20)
    assert SamplingParams.from_generation_config({"do_sample": False, "temperature": 0.6}).temperature == 0


def test_a_model_that_recommends_nothing_is_sampled_as_usual():
    usual = SamplingParams(temperature=0.8, top_k=40, top_p=0.95, min_p=0.05)
    for values in ({}, {"do_sample": True, "eos_token_id": 2}, {"temperature": None}, {"temperature": "hot"}):
        assert SamplingParams.from_generation_config(values) == usual
    chosen = SamplingParams.from_generation_config({"top_k": 20}, {"temperature": 1.5})
    assert chosen == SamplingParams(temperature=1.5, top_k=20, top_p=0.95, min_p=0.05)
    greedy = {"do_sample": False}
    assert SamplingParams.from_generation_config(greedy, {"temperature": 1.5}).top_p == 0.95


def test_who_recommends_a_temperature_is_taken_at_their_word():
    made = SamplingParams.from_generation_config({"temperature": 0.2, "top_p": 0.9})
    assert made == SamplingParams(temperature=0.2, top_p=0.9, top_k=0, min_p=0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"temperature": 0.6, "top_k": -1}, SamplingParams(temperature=0.6)),
        ({"temperature": 0.6, "top_p": 0}, SamplingParams(temperature=0.6)),
        ({"temperature": 0.6, "top_k": 0, "top_p": 1, "min_p": None}, SamplingParams(temperature=0.6)),
        ({"temperature": 0.0, "top_k": -1, "top_p": 0.0, "do_sample": False}, SamplingParams(temperature=0)),
        ({"temperature": 0.6, "do_sample": False}, SamplingParams(temperature=0)),
        ({"temperature": 0.6, "top_k": -7, "top_p": 2}, SamplingParams(temperature=0.6)),
    ],
)
def test_what_is_off_in_any_spelling_is_off(values, expected):
    assert SamplingParams.from_generation_config(values) == expected
    assert SamplingParams(stop="end").stop == ("end",)
