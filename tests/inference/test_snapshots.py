"""Caches on disk: what comes back is what was saved, and everything else is refused."""

import stat

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference import CacheError, Engine, KVCache, Model, SamplingParams, Started
from inference.kernels.layout import BLOCK
from tests.tiny_model import make_tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return Model.load(make_tiny_model(tmp_path_factory.mktemp("models") / "m", max_position_embeddings=4 * BLOCK))


def filled(model: Model, count: int, dtype=None) -> tuple[KVCache, list[int]]:
    ids = np.random.default_rng(count).integers(3, 380, count).tolist()
    cache = model.new_cache(dtype)
    if ids:
        model.forward(ids, cache, last_only=True)
    return cache, ids


@pytest.mark.parametrize("count", [1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK - 7])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int8])
def test_round_trip(model, tmp_path, count, dtype):
    cache, ids = filled(model, count, dtype)
    file = tmp_path / "session.cache"
    cache.save(file, [*ids, 5])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    restored, restored_ids = KVCache.load(file, model)
    assert restored_ids == [*ids, 5]
    assert restored.length == count
    for keep in (count, count // 2):
        cache.truncate(keep)
        restored.truncate(keep)
        more = [7, 8, 9]
        assert (model.forward(more, restored) == model.forward(more, cache)).all()
        restored, _ = KVCache.load(file, model)
        assert restored.length == count
    assert [path.name for path in tmp_path.iterdir()] == ["session.cache"]


def test_too_few_ids(model, tmp_path):
    cache, ids = filled(model, 5)
    with pytest.raises(CacheError, match="token ids"):
        cache.save(tmp_path / "x", ids[:4])


def test_another_models_or_precisions_cache_is_refused(model, tmp_path):
    cache, ids = filled(model, 5)
    cache.save(tmp_path / "x", ids)
    other = Model.load(make_tiny_model(tmp_path / "other", seed=1, max_position_embeddings=4 * BLOCK))
    with pytest.raises(CacheError, match="another model"):
        KVCache.load(tmp_path / "x", other)
    with pytest.raises(CacheError, match="another model"):
        KVCache.load(tmp_path / "x", Model.load(model.path, precision="bfloat16"))
    with pytest.raises(CacheError, match="another model"):
        other.forward([1], cache)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_torn_files_are_refused(model, tmp_path_factory, data):
    file = tmp_path_factory.mktemp("torn") / "x"
    cache, ids = filled(model, 20)
    cache.save(file, ids)
    whole = bytearray(file.read_bytes())
    if data.draw(st.booleans()):
        del whole[data.draw(st.integers(0, len(whole) - 1)) :]
    else:
        whole[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    file.write_bytes(whole)
    try:
        restored, restored_ids = KVCache.load(file, model)
    except CacheError as error:
        assert "computed again" in str(error)
    else:  # a flipped bit in the unused names of the header
        assert restored_ids == ids
        assert (model.forward([7], restored) == model.forward([7], cache)).all()


def test_a_place_that_cannot_be_written(model, tmp_path):
    cache, ids = filled(model, 5)
    with pytest.raises(CacheError, match="cannot be written"):
        cache.save(tmp_path / "missing" / "x", ids)


@pytest.mark.parametrize("with_snapshots", [True, False])
def test_idle_caches_leave_the_memory_and_come_back(model, tmp_path, with_snapshots):
    params = SamplingParams(temperature=0, max_tokens=4)
    with Engine(model, cache_budget=0, snapshot_dir=tmp_path if with_snapshots else None) as engine:
        first, second = engine.new_session(), engine.new_session()
        list(first.complete([[5] * 300], params))
        list(second.complete([[6] * 300], params))
        list(engine.new_session().complete("Once", params))  # by then the others' caches are out
        assert first.resident_bytes == second.resident_bytes == 0
        assert len(list(tmp_path.glob("evicted-*"))) >= (2 if with_snapshots else 0)
        rows = model.counters.rows
        events = list(first.complete([first.token_ids, " and"], SamplingParams(temperature=0, max_tokens=1)))
        started = next(event for event in events if isinstance(event, Started))
        assert started.reused_tokens == (303 if with_snapshots else 0)
        assert model.counters.rows - rows == started.prompt_tokens - started.reused_tokens
        fresh = model.forward(first.token_ids[:-1], model.new_cache(), last_only=True)
        assert fresh[0].argmax() == first.token_ids[-1]
        second.close()
        first.close()
    if with_snapshots:
        assert len(list(tmp_path.iterdir())) <= 1


def test_an_empty_cache(model, tmp_path):
    model.new_cache().save(tmp_path / "x", [])
    restored, ids = KVCache.load(tmp_path / "x", model)
    assert (restored.length, ids) == (0, [])
