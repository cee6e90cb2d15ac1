"""DRY, XTC, typical-p and logit bias, each against its definition written out the slow way."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from inference import Model, ParameterError, SamplingParams
from inference.runtime.dry import LONGEST, penalties
from inference.runtime.named_tokens import NamedTokens
from inference.runtime.sampling import NEAREST, Sampler
from tests.inference.test_sampling import allowed

SIZE = 40
SEEDS = st.integers(0, 2**32 - 1)
CLOSE = 1e-5  # what float32 cannot tell apart
SOME = settings(max_examples=40)  # each of them draws a hundred times


def random_logits(seed: int, size: int = SIZE) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 2, size).astype(np.float32)


def distribution(logits, ids=None) -> dict[int, float]:
    """Probabilities by id, among ``ids`` alone if given."""
    weights = {int(i): math.exp(float(logits[i])) for i in (range(len(logits)) if ids is None else ids)}
    return {i: weight / sum(weights.values()) for i, weight in weights.items()}


def drawn(logits, params: SamplingParams, kept: set[int]) -> None:
    """Nothing but ``kept`` is drawn, and all that is likely among it."""
    ids = allowed(logits, params, draws=100)
    assert ids <= kept
    assert {i for i, p in distribution(logits, kept).items() if p > 0.2} <= ids


# ---- typical-p


def slow_typical(probabilities: dict[int, float], mass: float) -> set[int]:
    """Definition of arXiv 2202.00666; what it leaves to rounding is discarded."""
    entropy = -sum(p * math.log(p) for p in probabilities.values())
    distance = {i: abs(-math.log(p) - entropy) for i, p in probabilities.items()}
    kept: list[int] = []
    reached = 0.0
    order = sorted(distance, key=distance.__getitem__)
    for i in order:
        kept.append(i)
        reached += probabilities[i]
        assume(abs(reached - mass) > CLOSE)
        if reached >= mass:
            break
    outside = order[len(kept) :]
    assume(not outside or distance[outside[0]] - distance[kept[-1]] > CLOSE)
    return set(kept)


@SOME
@given(SEEDS, st.sampled_from([0.05, 0.2, 0.5, 0.9, 0.999]))
def test_typical_p_keeps_what_is_closest_to_the_entropy(seed, typical_p):
    logits = random_logits(seed)
    drawn(logits, SamplingParams(typical_p=typical_p, seed=1), slow_typical(distribution(logits), typical_p))


@settings(max_examples=10)
@given(SEEDS, st.sampled_from([0.2, 0.6, 0.95, 0.9999]))
def test_typical_p_is_the_same_where_not_all_tokens_are_sorted(seed, typical_p):
    logits = random_logits(seed, 10 * NEAREST)
    kept = slow_typical(distribution(logits), typical_p)
    drawn(logits, SamplingParams(typical_p=typical_p, seed=1), kept)
    # Of those kept, the likeliest: whether it was kept depends on the entropy.
    likeliest = max(kept, key=logits.__getitem__)
    assert allowed(logits, SamplingParams(typical_p=typical_p, top_p=1e-6, seed=1), draws=1) == {likeliest}


@SOME
@given(SEEDS, st.integers(1, 50), st.sampled_from([0.2, 0.5, 0.9]), st.sampled_from([0.3, 0.8, 1]))
def test_typical_p_comes_after_top_k_and_before_top_p(seed, top_k, typical_p, top_p):
    logits = random_logits(seed)
    ids = sorted(range(SIZE), key=lambda i: -logits[i])[:top_k]
    left = distribution(logits, slow_typical(distribution(logits, ids), typical_p))
    kept, reached = set(), 0.0
    for i in sorted(left, key=lambda i: -left[i]):
        kept.add(i)
        reached += left[i]
        assume(abs(reached - top_p) > CLOSE or len(kept) == len(left))
        if reached >= top_p:
            break
    drawn(logits, SamplingParams(top_k=top_k, typical_p=typical_p, top_p=top_p, seed=1), kept)


def test_the_likeliest_is_not_always_typical():
    """Of one frequent token and a hundred rare ones, the entropy is closer to the rare ones."""
    logits = np.zeros(101, np.float32)
    logits[0] = math.log(30)
    assert 0 not in allowed(logits, SamplingParams(typical_p=0.3, seed=0))
    min_p = allowed(logits, SamplingParams(typical_p=0.3, min_p=0.9, seed=0))
    assert len(min_p) > 1  # of the highest probability that is left


# ---- XTC


def slow_xtc(probabilities: dict[int, float], threshold: float) -> set[int]:
    """Text-generation-webui's pull request 6335: all likely tokens but the least likely of them go."""
    assume(all(abs(p - threshold) > CLOSE for p in probabilities.values()))
    likely = sorted((i for i, p in probabilities.items() if p >= threshold), key=lambda i: -probabilities[i])
    return set(probabilities) - set(likely[:-1])


@SOME
@given(SEEDS, st.sampled_from([1e-4, 0.01, 0.05, 0.1, 0.3, 0.6, 1]), st.integers(0, 12))
def test_xtc_keeps_the_last_of_the_likely_ones(seed, threshold, top_k):
    logits = random_logits(seed)
    ids = sorted(range(SIZE), key=lambda i: -logits[i])[: top_k or SIZE]
    kept = slow_xtc(distribution(logits, ids), threshold)
    drawn(logits, SamplingParams(xtc_probability=1, xtc_threshold=threshold, top_k=top_k, seed=1), kept)


def test_xtc_acts_as_often_as_it_should_and_leaves_the_other_draws_alone():
    logits = np.log(np.array([0.6, 0.3, 0.1], np.float32))
    off, on = (Sampler(SamplingParams(xtc_probability=p, xtc_threshold=0.2, seed=3), 3) for p in (0, 0.5))
    pairs = [(off.sample(logits)[0], on.sample(logits)[0]) for _ in range(400)]
    kept = [one == 0 for one, other in pairs if other == 0]
    assert all(kept)
    assert 0.2 < len(kept) / 400 < 0.4  # half of 0.6
    assert all(one == other for one, other in pairs if one == 2)


def test_xtc_spares_what_ends_a_line_or_the_reply():
    logits = np.log(np.array([0.6, 0.3, 0.1], np.float32))
    params = SamplingParams(xtc_probability=1, xtc_threshold=0.2, seed=0)
    for spared, expected in ((frozenset({0}), {0, 1, 2}), (frozenset({1}), {1, 2}), (frozenset[int](), {1, 2})):
        sampler = Sampler(params, 3, names=NamedTokens(spared=spared))
        assert {sampler.sample(logits)[0] for _ in range(100)} == expected


def test_xtc_does_nothing_at_temperature_0():
    logits = np.array([2.0, 1.9, 0.0], np.float32)
    assert allowed(logits, SamplingParams(temperature=0, xtc_probability=1, xtc_threshold=0.1)) == {0}


# ---- DRY


def slow_penalties(ids: list[int], base: float, allowed: int, breakers: set[int]) -> dict[int, float]:
    """Text-generation-webui's pull request 5677: compare what ends the text with what ends before each token of it."""
    found: dict[int, float] = {}
    for place, token in enumerate(ids[1:], 1):
        length = 0
        while length < min(place, LONGEST) and ids[place - 1 - length] == ids[-1 - length]:
            if ids[-1 - length] in breakers:
                break
            length += 1
        if length >= allowed and token not in breakers:
            found[token] = max(found.get(token, 0), base ** (length - allowed))
    return found


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=150),
    st.sampled_from([1.0, 1.75, 4.0]),
    st.integers(1, 5),
    st.sets(st.integers(0, 4), max_size=2),
)
def test_dry_penalizes_exactly_the_continuations_of_repetitions(ids, base, allowed_length, breakers):
    found = penalties(np.array(ids, np.int64), base, allowed_length, breakers.__contains__)
    assert found == pytest.approx(slow_penalties(ids, base, allowed_length, breakers))


@given(st.lists(st.integers(0, 2), max_size=8), st.integers(1, 200))
def test_dry_has_a_longest_repetition(before, times):
    ids = [*before, *[1] * times]
    assert penalties(np.array(ids), 2.0, 1, lambda id_: False) == slow_penalties(ids, 2.0, 1, set())


def test_dry_lowers_logits_by_the_penalty():
    seen, logits = [7, 1, 2, 3, 9, 1, 2], np.zeros(10, np.float32)
    for lead, expected in ((0.79, 5), (0.81, 3)):  # of the token that would repeat
        logits[3], logits[5] = lead, 0
        logits[[0, 1, 2, 4, 6, 7, 8, 9]] = -5
        sampler = Sampler(SamplingParams(temperature=0, dry_multiplier=0.8), 10, seen)
        assert sampler.sample(logits)[0] == expected
    longer = Sampler(SamplingParams(temperature=0, dry_multiplier=0.8), 10, [7, 1, 2, 3, 9, 7, 1, 2])
    logits[3] = 0.8 * 1.75 - 0.01
    assert longer.sample(logits)[0] == 5


def test_dry_counts_what_was_sampled_and_forgets_what_was_taken_back():
    logits = np.array([1, 0, -3], np.float32)
    sampler = Sampler(SamplingParams(temperature=0, dry_multiplier=2, dry_allowed_length=1), 3)
    assert [sampler.sample(logits)[0] for _ in range(4)] == [0, 0, 1, 0]
    sampler.take_back(3)
    assert [sampler.sample(logits)[0] for _ in range(2)] == [1, 0]


def test_what_is_beyond_the_tokenizer_has_no_penalty():
    sampler = Sampler(SamplingParams(temperature=0, dry_multiplier=2, dry_allowed_length=1), 3, [1, 5, 1])
    assert sampler.sample(np.array([0, 0, 1, 9, 9, 9], np.float32))[0] == 2


# ---- logit bias


@given(SEEDS, st.dictionaries(st.integers(0, SIZE - 1), st.floats(-100, 100, width=32), max_size=5))
def test_a_bias_is_added_to_the_logit(seed, bias):
    logits = random_logits(seed)
    biased = logits.astype(np.float64)
    for token, value in bias.items():
        biased[token] += value
    highest, second = sorted(biased)[:-3:-1]
    assume(highest - second > 1e-4)
    sampler = Sampler(SamplingParams(temperature=0), SIZE, names=NamedTokens(bias=bias))
    token, logprob = sampler.sample(logits)
    assert token == int(biased.argmax())
    assert logprob == pytest.approx(math.log(distribution(logits)[token]), abs=1e-4)  # the model's own


# ---- all of them


def test_off_is_as_if_there_were_none():
    """Whatever the values beside: the same tokens, and the same bits of their probabilities."""
    logits = [random_logits(seed) for seed in range(60)]
    beside = {"xtc_threshold": 0.01, "dry_base": 3.0, "dry_allowed_length": 1, "dry_breakers": ()}
    off = {"typical_p": 1, "xtc_probability": 0, "dry_multiplier": 0, "ban": (), "logit_bias": ()}
    for usual in ({}, {"top_k": 10}, {"top_p": 0.8, "repetition_penalty": 1.2}, {"min_p": 0.1, "temperature": 0.7}):
        plain, other = (
            Sampler(SamplingParams(seed=7, **usual, **more), SIZE, range(10)) for more in ({}, {**off, **beside})
        )
        assert [plain.sample(each) for each in logits] == [other.sample(each) for each in logits]


@given(SEEDS, st.integers(0, 20), st.integers(1, 20))
def test_what_is_taken_back_is_sampled_again_with_the_same_draws(seed, before, count):
    """As if those tokens had been impossible from the start: the draw of a position is always the same."""
    logits = [random_logits(seed + number) for number in range(before + count)]
    sampler, other = (Sampler(SamplingParams(seed=seed, repetition_penalty=1.3), SIZE) for _ in range(2))
    tokens = [sampler.sample(each)[0] for each in logits]
    assert sampler.take_back(count)
    impossible = logits[before].copy()
    impossible[tokens[before]] = -1e30
    again = [sampler.sample(each)[0] for each in logits[before:]]
    expected = [other.sample(each)[0] for each in [*logits[:before], impossible, *logits[before + 1 :]]]
    assert again == expected[before:]
    assert again[0] != tokens[before]


def test_a_position_is_used_up_when_all_tokens_were_taken_back():
    sampler = Sampler(SamplingParams(seed=0), 3)
    logits = np.zeros(3, np.float32)
    answers = []
    for _ in range(3):
        sampler.sample(logits)
        answers.append(sampler.take_back(1))
    assert answers == [True, True, False]


@pytest.fixture(scope="module")
def model(tiny_model) -> Model:
    return Model.load(tiny_model)


def names(model: Model, **params) -> NamedTokens:
    return NamedTokens.of(SamplingParams(**params), model.tokenizer, model.samplable, model.eos_token_ids)


def test_tokens_are_named_by_text_or_id(model):
    [the] = model.tokenizer.encode_continuation(" the")
    assert names(model, logit_bias=((" the", 2), (9, -1), ("a", 5))).bias[the] == 2
    assert names(model, logit_bias=((" the", 2), (the, -1))).bias == {the: -1}
    assert names(model).bias == {}


@pytest.mark.parametrize(
    ("token", "told"),
    [
        (100_000, r"^The logit bias names token 100000, but this model has tokens 0 to \d+\.$"),
        (2**32 - 1, r"^The logit bias names token 4294967295"),
        (
            "xyzzy",
            r'^The logit bias names "xyzzy", which is not one token of this model: it is written as "x" "y" .*\.$',
        ),
        ("<|im_end|>", "which is not one token"),  # a control token has no text of its own
        ("🙂" * 20, " …. Name one of these, or ban the phrase"),
    ],
)
def test_a_bias_on_a_token_that_is_not_there_is_an_error(model, token, told):
    with pytest.raises(ParameterError, match=told):
        names(model, logit_bias=((token, 1),))


def test_repetitions_end_at_breakers_and_control_tokens(model):
    breaks = names(model, dry_multiplier=1, dry_breakers=("\n", "th")).breaks
    encode = model.tokenizer.encode_continuation
    assert all(breaks(id_) for id_ in (*encode("\n"), *encode(" the"), *model.eos_token_ids))
    assert not any(breaks(id_) for id_ in (*encode("a"), *encode(" ")))
    last = encode("xyzzy")[-1]
    assert names(model, dry_multiplier=1, dry_breakers=("xyzzy",)).breaks(last)


@pytest.mark.parametrize(
    "bad",
    [
        {"typical_p": 0},
        {"typical_p": math.nan},
        {"xtc_probability": 1.1},
        {"xtc_threshold": 0},
        {"dry_multiplier": -1},
        {"dry_multiplier": math.inf},
        {"dry_base": 0.5},
        {"dry_allowed_length": 0},
        {"dry_allowed_length": 1.5},
        {"dry_breakers": ("",)},
        {"ban": ("",)},
        {"ban": ("x" * 201,)},
        {"ban": ("x",) * 501},
        {"ban": (1,)},
        {"logit_bias": (("", 1),)},
        {"logit_bias": ((-1, 1),)},
        {"logit_bias": ((True, 1),)},
        {"logit_bias": ((10**5000, 1),)},
        {"logit_bias": (("a", math.nan),)},
        {"logit_bias": (("a", 101),)},
        {"logit_bias": (("a", "b"),)},
        {"logit_bias": (("a",),)},
        {"logit_bias": "a"},
        {"logit_bias": {"a": 1}},
        {"logit_bias": (("a", 1),) * 501},
    ],
)
def test_bad_parameters_are_named(bad):
    with pytest.raises(ParameterError, match=f"^Invalid {next(iter(bad))} .*\\.$"):
        SamplingParams(**bad)


def test_lists_from_json_are_as_good_as_tuples():
    params = SamplingParams(ban=["a b"], logit_bias=[["the", 1], [5, -2.5]], dry_breakers=["."])  # type: ignore[arg-type]
    assert params == SamplingParams(ban=("a b",), logit_bias=(("the", 1.0), (5, -2.5)), dry_breakers=(".",))
    assert hash(params)
    assert SamplingParams(ban="a b").ban == ("a b",)  # type: ignore[arg-type]
