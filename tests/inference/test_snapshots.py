"""Caches on disk: what comes back is what was saved, and everything else is refused."""

import stat
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference import CacheError, Engine, Finished, KVCache, Model, SamplingParams, Started
from inference.kernels.layout import BLOCK
from inference.transformer import cache_file
from tests.held import Held
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
        written = threading.Event()
        engine.writer.put(written.set)
        assert written.wait(60)
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


@pytest.fixture
def write(monkeypatch) -> Held:
    held = Held(cache_file.save_file)
    monkeypatch.setattr(cache_file, "save_file", held)
    return held


def test_replies_come_while_an_evicted_cache_is_written(model, tmp_path, write):
    """Its session can go on too: it takes the cache back, and what is written is not needed any more."""
    params = SamplingParams(temperature=0, max_tokens=4)
    with Engine(model, cache_budget=0, snapshot_dir=tmp_path) as engine:
        first = engine.new_session()
        list(first.complete([[5] * 300], params))
        assert write.begun.wait(60)
        whole = list(engine.new_session().complete("Once", params))
        again = first.complete([first.token_ids, " and"], params)
        events = list(again)
        assert isinstance(whole[-1], Finished) and isinstance(events[-1], Finished)
        assert again.reused_tokens == 303
        write.may_go_on.set()
    fresh = model.new_cache()
    assert model.forward(first.token_ids[:-1], fresh, last_only=True)[0].argmax() == first.token_ids[-1]


def test_a_session_is_closed_while_its_cache_is_written(model, tmp_path, write):
    with Engine(model, cache_budget=0, snapshot_dir=tmp_path) as engine:
        session = engine.new_session()
        list(session.complete("Once", SamplingParams(max_tokens=2)))
        assert write.begun.wait(60)
        session.close()
        write.may_go_on.set()
    assert list(tmp_path.iterdir()) == []


def test_caches_that_wait_for_a_slow_disk_are_bounded(model, tmp_path, write, monkeypatch):
    """Beyond that they are dropped, and computed again."""
    monkeypatch.setattr("inference.runtime.engine.WAITING_BYTES", 0)
    with Engine(model, cache_budget=0, snapshot_dir=tmp_path) as engine:
        sessions = [engine.new_session() for _ in range(3)]
        for number, session in enumerate(sessions, 5):
            list(session.complete([[number] * 300], SamplingParams(max_tokens=1)))
        list(engine.new_session().complete("Once", SamplingParams(max_tokens=1)))
        reused = []
        for session in sessions:
            generation = session.complete([session.token_ids], SamplingParams(max_tokens=1))
            list(generation)
            reused.append(generation.reused_tokens)
        write.may_go_on.set()
    assert reused == [300, 0, 0]


def test_a_reply_begins_while_the_session_is_saved(model, tmp_path, write):
    file = tmp_path / "saved"
    with Engine(model) as engine:
        session = engine.new_session()
        list(session.complete([[5] * 300], SamplingParams(temperature=0, max_tokens=4)))
        ids = session.token_ids
        saving = threading.Thread(target=session.save, args=[file])
        saving.start()
        assert write.begun.wait(60)
        events = list(session.complete([ids, " and so on"], SamplingParams(temperature=0, max_tokens=8)))
        assert isinstance(events[-1], Finished)
        write.may_go_on.set()
        saving.join()
    cache, saved = KVCache.load(file, model)
    assert (saved, cache.length) == (ids, 303)
    fresh = model.new_cache()
    model.forward(ids[:303], fresh, last_only=True)
    assert np.abs(model.forward([7], cache) - model.forward([7], fresh)).max() <= 1e-4


def test_an_evicted_cache_is_read_on_the_thread_that_asks(model, tmp_path, monkeypatch):
    """The engine's thread goes on with other replies meanwhile."""
    params = SamplingParams(temperature=0, max_tokens=4)
    with Engine(model, cache_budget=0, snapshot_dir=tmp_path) as engine:
        first = engine.new_session()
        list(first.complete([[5] * 300], params))
        written = threading.Event()
        list(engine.new_session().complete("Once", params))
        engine.writer.put(written.set)
        assert written.wait(60)
        read = Held(KVCache.load)
        monkeypatch.setattr(KVCache, "load", read)
        asked = []
        asking = threading.Thread(target=lambda: asked.append(first.complete([first.token_ids, " and"], params)))
        asking.start()
        assert read.begun.wait(60)
        assert isinstance(list(engine.new_session().complete("Once", params))[-1], Finished)
        assert first.cache.length == 0
        read.may_go_on.set()
        asking.join()
        assert isinstance(list(asked[0])[-1], Finished)
        assert asked[0].reused_tokens == 303
