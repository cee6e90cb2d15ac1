"""The cache: going back, forking and growing never change what is held."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, rule

from inference import CacheError, ContextOverflowError, InferenceError, Model, UnsupportedModelError
from inference.kernels.layout import BLOCK
from tests.backends import rounding
from tests.tiny_model import make_tiny_model


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("models") / "long", max_position_embeddings=4 * BLOCK)


@pytest.fixture(scope="module")
def model(directory: Path, backend: str) -> Model:
    return Model.load(directory, backend=backend)


def ids_of(count: int, seed: int = 0) -> list[int]:
    return np.random.default_rng(seed).integers(0, 380, count).tolist()


def test_growing_over_blocks(model):
    ids = ids_of(2 * BLOCK + 5)
    cache = model.new_cache()
    whole = model.forward(ids, cache)
    assert cache.length == len(ids)
    again = model.new_cache()
    parts = [model.forward(ids[: BLOCK - 1], again), model.forward(ids[BLOCK - 1 :], again)]
    assert np.abs(np.concatenate(parts) - whole).max() <= rounding(model)


def test_going_back_and_elsewhere(model):
    ids = ids_of(BLOCK + 50)
    cache = model.new_cache()
    model.forward(ids, cache)
    cache.truncate(BLOCK - 3)
    assert cache.length == BLOCK - 3
    other = ids_of(20, seed=1)
    fresh = model.forward(ids[: BLOCK - 3] + other, model.new_cache())
    assert np.abs(model.forward(other, cache) - fresh[-20:]).max() <= rounding(model)
    with pytest.raises(CacheError, match="cannot go back"):
        cache.truncate(cache.length + 1)
    with pytest.raises(CacheError):
        cache.truncate(-1)


def test_a_fork_goes_its_own_way(model):
    ids = ids_of(BLOCK + 10)
    cache = model.new_cache()
    model.forward(ids, cache)
    cache.truncate(BLOCK - 10)
    twin = cache.fork()
    mine, yours = ids_of(30, seed=1), ids_of(30, seed=2)
    for tokens, side in ((mine, cache), (yours, twin), (mine, cache), (yours, twin)):
        before = side.length
        logits = model.forward(tokens, side)
        held = ids[: BLOCK - 10] + tokens * ((before - BLOCK + 10) // 30 + 1)
        assert np.abs(logits - model.forward(held, model.new_cache())[-30:]).max() <= rounding(model)


def test_a_fork_copies_nothing_until_it_is_written(model):
    cache = model.new_cache()
    model.forward(ids_of(2 * BLOCK), cache)
    twin = cache.fork()
    assert twin.length == cache.length
    assert all(a is b for a, b in zip(cache._blocks, twin._blocks, strict=True))


def test_float16_cache(model):
    ids = ids_of(30)
    half, full = model.new_cache(np.float16), model.new_cache()
    difference = np.abs(model.forward(ids, half) - model.forward(ids, full)).max()
    assert 0 < difference < 0.05
    assert 2 * half.nbytes == full.nbytes > 0


@pytest.mark.parametrize("shape", [{}, {"head_dim": 26}, {"num_key_value_heads": 1}])
def test_int8_cache(tmp_path, shape, backend):
    config = {"hidden_size": 64, "max_position_embeddings": 4 * BLOCK, **shape}
    model = Model.load(make_tiny_model(tmp_path / "model", **config), cache_precision="int8", backend=backend)
    ids = ids_of(BLOCK + 30)
    small, full = model.new_cache(), model.new_cache(np.float32)
    assert small.dtype == np.int8
    logits, exact = model.forward(ids, small), model.forward(ids, full)
    assert 0 < np.abs(logits - exact).mean() < 0.02 * np.abs(exact).mean()
    assert small.nbytes < full.nbytes / 2
    parts = model.new_cache()
    again = [model.forward(ids[:7], parts), model.forward(ids[7:BLOCK], parts), model.forward(ids[BLOCK:], parts)]
    assert np.abs(np.concatenate(again) - logits).max() <= rounding(model, numpy=np.abs(logits - exact).max())


def test_what_a_cache_may_hold(tiny_model):
    with pytest.raises(CacheError, match="float32, float16 or int8"):
        Model.load(tiny_model).new_cache(np.int16)
    with pytest.raises(UnsupportedModelError, match="'int3' is not available; choose auto, float32, float16, int8"):
        Model.load(tiny_model, cache_precision="int3")


def test_refusals_change_nothing(model):
    cache = model.new_cache()
    model.forward([1, 2, 3], cache)
    rows = model.counters.rows
    with pytest.raises(ContextOverflowError) as raised:
        model.forward([1] * (4 * BLOCK), cache)
    assert (raised.value.needed, raised.value.available) == (4 * BLOCK + 3, 4 * BLOCK)
    assert str(4 * BLOCK + 3) in str(raised.value)
    for ids in ([], [-1], [10**6]):
        with pytest.raises(InferenceError):
            model.forward(ids, cache)
    with pytest.raises(CacheError, match="share"):
        model.forward_batch([([1], cache), ([2], cache)])
    assert cache.length == 3
    assert model.counters.rows == rows


def test_a_pass_left_midway_leaves_the_length(model):
    cache = model.new_cache()
    model.forward([1, 2, 3], cache)
    calls = []

    def stop_at_the_second_layer():
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.forward_batch([([4] * 20, cache)], check_cancelled=stop_at_the_second_layer)
    assert cache.length == 3
    fresh = model.forward([1, 2, 3, 6], model.new_cache())
    assert np.abs(model.forward([6], cache) - fresh[-1:]).max() <= rounding(model)


def test_another_models_cache_is_refused(model, tiny_model, backend):
    with pytest.raises(CacheError, match="another model"):
        Model.load(tiny_model, backend=backend).forward([1], model.new_cache())


class Caches(RuleBasedStateMachine):
    """Any order of extending, going back and forking: what a cache holds is what a fresh one would."""

    model: Model
    caches = Bundle("caches")

    @rule(target=caches)
    def new(self):
        return self.model.new_cache(), []

    @rule(cache=caches, count=st.integers(1, 90), seed=st.integers(0, 9))
    def extend(self, cache, count, seed):
        tokens = ids_of(count, seed)
        if cache[0].length + count <= 4 * BLOCK:
            self.model.forward(tokens, cache[0], last_only=True)
            cache[1].extend(tokens)

    @rule(cache=caches, part=st.floats(0, 1))
    def go_back(self, cache, part):
        length = int(cache[0].length * part)
        cache[0].truncate(length)
        del cache[1][length:]

    @rule(target=caches, cache=caches)
    def fork(self, cache):
        return cache[0].fork(), list(cache[1])

    @rule(cache=consumes(caches))
    def check(self, cache):
        held, ids = cache
        assert held.length == len(ids)
        fresh = self.model.forward([*ids, 7], self.model.new_cache())
        assert np.abs(self.model.forward([7], held) - fresh[-1:]).max() <= rounding(self.model)


def test_any_order(model):
    Caches.model = model
    case = Caches.TestCase
    case.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
    case().runTest()
