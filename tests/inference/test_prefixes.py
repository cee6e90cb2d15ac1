"""The beginning of a prompt that another session has computed is found, is its own, and is not computed again."""

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference import Engine, Model, SamplingParams, Session
from inference.runtime.prefixes import STRIDE, BlockHashes, Held, longest_prefix
from inference.runtime.snapshot_index import SnapshotIndex
from inference.text.common_prefix import common_prefix
from tests.backends import rounding
from tests.inference.events import finished

ONE = SamplingParams(temperature=0, max_tokens=1)
SOME = SamplingParams(temperature=0, max_tokens=6)
CONTEXT = 256


@pytest.fixture(scope="module")
def model(tiny_model, backend) -> Model:
    return Model.load(tiny_model, backend=backend)


@pytest.fixture
def engine(model, tmp_path):
    with Engine(model, snapshot_dir=tmp_path) as engine:
        yield engine


def ids_of(length: int, seed: int = 0) -> list[int]:
    return random.Random(seed).choices(range(3, 380), k=length)


def held(ids: list[int]) -> Held:
    return Held(ids, BlockHashes().of(ids))


def compute(session: Session, ids: list[int], params: SamplingParams = ONE) -> Session:
    """Have the session read ``ids``; it has to be kept, or its cache goes with it."""
    finished(list(session.complete([ids], params)))
    return session


PIECES = st.lists(st.sampled_from([[7] * 40, [8] * 64, [9], [7] * 64, [10] * 130]), max_size=5).map(
    lambda pieces: [id_ for piece in pieces for id_ in piece]
)


@given(st.lists(PIECES, max_size=5), PIECES)
def test_the_longest_beginning_is_found(holders, prompt):
    found, length = longest_prefix([(number, held(ids)) for number, ids in enumerate(holders)], prompt)
    lengths = [min(common_prefix(ids, prompt), len(prompt) - 1) for ids in holders]
    assert length == max([0, *lengths])
    assert found is None if length == 0 else lengths[found] == length


def test_equal_hashes_of_other_tokens_are_not_believed():
    prompt = ids_of(200)
    forged = Held(ids_of(200, seed=1), BlockHashes().of(prompt))
    assert longest_prefix([("other", forged)], prompt) == (None, 0)


@given(st.lists(st.integers(0, 9), max_size=300), st.integers(0, 300), st.lists(st.integers(0, 9), max_size=200))
def test_hashes_that_are_kept_are_those_of_the_whole(ids, cut, more):
    hashes = BlockHashes()
    hashes.of(ids)
    hashes.cut(cut)
    grown = ids[:cut] + more
    assert hashes.of(grown) == BlockHashes().of(grown)
    assert len(hashes.of(grown)) == len(grown) // STRIDE


def test_what_another_session_has_computed_is_not_computed_again(engine, model):
    prompt = ids_of(CONTEXT)
    first = compute(engine.new_session(), prompt)
    rows = model.counters.rows
    other = engine.new_session()
    compute(other, [*prompt[:100], 5, 6])
    assert model.counters.rows - rows == 2 and first.cache.length
    check(other)


def test_one_prefix_of_many_at_once_is_computed_once(engine, model):
    prompt = ids_of(CONTEXT)
    rows = model.counters.rows
    sessions = [engine.new_session() for _ in range(4)]
    generations = [session.complete([prompt], SOME) for session in sessions]
    written = [finished(list(each)).stats for each in generations]
    decoded = sum(session.cache.length - len(prompt) for session in sessions)
    decoded += sum(each.drafted_tokens - each.accepted_tokens for each in written)
    assert model.counters.rows - rows == len(prompt) + 3 + decoded, "the last token of each, whose logits are needed"
    assert sorted(each.reused_tokens for each in written) == [0, *[len(prompt) - 1] * 3]
    for session in sessions:
        check(session)


def test_both_go_their_own_ways_afterwards(engine, model):
    prompt = ids_of(CONTEXT)
    first, second = engine.new_session(), engine.new_session()
    compute(first, prompt)
    compute(second, prompt)
    compute(first, [*prompt[:200], *ids_of(90, seed=2)], SOME)
    compute(second, [*prompt[:230], *ids_of(90, seed=3)], SOME)
    check(first)
    check(second)


def test_an_evicted_cache_is_read_rather_than_computed(engine, model, tmp_path):
    prompt = ids_of(CONTEXT)
    first = engine.new_session()
    compute(first, prompt)
    first.evict(tmp_path)
    engine.writer.close()
    rows = model.counters.rows
    second = engine.new_session()
    compute(second, [*prompt, 5])
    assert model.counters.rows - rows == 1
    check(second)


@pytest.fixture
def saved(model, tmp_path) -> Path:
    """The cache of a session on ``ids_of(CONTEXT)``, which has ended with its engine."""
    with Engine(model, snapshot_dir=tmp_path) as engine:
        session = engine.new_session()
        compute(session, ids_of(CONTEXT))
        session.save(tmp_path / "saved.safetensors")
    return tmp_path / "saved.safetensors"


def test_what_was_computed_before_a_restart_is_not_computed_again(saved, engine, model):
    rows, session = model.counters.rows, engine.new_session()
    stats = finished(list(session.complete([[*ids_of(CONTEXT), 5]], ONE))).stats
    assert (model.counters.rows - rows, stats.reused_tokens) == (1, CONTEXT)
    check(session)


def test_a_saved_cache_with_another_end_is_used_up_to_there(saved, engine, model):
    rows, session = model.counters.rows, engine.new_session()
    compute(session, [*ids_of(CONTEXT)[:150], *[9] * 20])
    assert model.counters.rows - rows == 20
    check(session)


@pytest.mark.parametrize("trouble", ["torn", "forged", "empty", "gone"])
def test_a_saved_cache_that_is_damaged_is_computed_again(saved, engine, model, trouble):
    content = saved.read_bytes()
    if trouble == "torn":
        saved.write_bytes(content[: len(content) // 2])
    elif trouble == "forged":  # the token ids are sound, the keys and values are not
        saved.write_bytes(content[:-2000] + bytes(byte ^ 1 for byte in content[-2000:]))
    elif trouble == "empty":
        saved.write_bytes(b"")
    elif trouble == "gone":
        engine._snapshots.longest(model.fingerprint, ids_of(CONTEXT))
        saved.unlink()
    rows, session = model.counters.rows, engine.new_session()
    compute(session, ids_of(CONTEXT))
    assert model.counters.rows - rows == CONTEXT
    check(session)


def test_saved_caches_are_of_this_model_and_looked_at_again_when_they_change(saved, model):
    index = SnapshotIndex(saved.parent)
    assert index.longest("another", ids_of(CONTEXT)) == (None, 0)
    assert index.longest(model.fingerprint, ids_of(CONTEXT)) == (saved, CONTEXT - STRIDE)
    assert index.longest(model.fingerprint, [*ids_of(CONTEXT), 5]) == (saved, CONTEXT)
    with Engine(model) as engine:
        session = engine.new_session()
        compute(session, ids_of(CONTEXT, seed=5))
        session.save(saved)
    assert index.longest(model.fingerprint, ids_of(CONTEXT)) == (None, 0)
    assert index.longest(model.fingerprint, [*ids_of(CONTEXT, seed=5), 5]) == (saved, CONTEXT)
    assert SnapshotIndex(saved.parent / "none").longest(model.fingerprint, ids_of(CONTEXT)) == (None, 0)


def test_a_saved_cache_is_not_read_where_memory_has_as_much(saved, engine, model, monkeypatch):
    prompt = [*ids_of(CONTEXT), 5]
    held = compute(engine.new_session(), prompt)
    monkeypatch.setattr(Session, "restore", lambda session, file: pytest.fail("it was read"))
    compute(engine.new_session(), [*prompt, 6])
    assert held.cache.length


def test_caches_of_other_models_and_kinds_are_left_alone(engine, model, tiny_model):
    prompt = ids_of(CONTEXT)
    compute(engine.new_session(), prompt)
    twin = Model.load(tiny_model, "float32", backend=model.backend)
    other = engine.new_session(twin)
    compute(other, prompt)
    assert twin.counters.rows == len(prompt)
    rows = model.counters.rows
    small = engine.new_session(cache=model.new_cache(np.int8))
    compute(small, prompt)
    assert model.counters.rows - rows == len(prompt)


def check(session) -> None:
    """The next logits are those of a fresh pass over the session's ids."""
    ids, length = session.token_ids, session.cache.length
    fresh = session.model.forward([*ids[:length], 9], session.model.new_cache(), last_only=True)
    found = session.model.forward([9], session.cache.fork())
    assert np.abs(found - fresh).max() <= rounding(session.model, numpy=1e-4)
