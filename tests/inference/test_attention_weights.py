"""What each head looks at: the weights of the formula, in float64, for every kind of attention there is."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from inference import InferenceError, Model
from inference.transformer.attention import Attention
from inference.transformer.kv_cache import KVCache
from inference.transformer.numpy_transformer import NumpyTransformer, _normalized
from tests.inference.test_goldens import FIRST, GOLDENS, NAMES, Golden
from tests.tiny_model import make_tokenizer


def formula(attention: Attention, x: np.ndarray) -> np.ndarray:
    """softmax(scale q K) of the last of the positions ``x`` [positions, hidden], one head at a time: [heads, S]."""
    positions = np.arange(len(x))
    q = attention._heads(attention.query(x), attention.query_norm, positions).astype(np.float64)
    k = attention._heads(attention.key(x), attention.key_norm, positions).astype(np.float64)
    heads = []
    for head in range(q.shape[1]):
        scores = k[:, head * k.shape[1] // q.shape[1]] @ q[-1, head] * attention.scale
        if attention.softcap is not None:
            scores = attention.softcap * np.tanh(scores / attention.softcap)
        if attention.window is not None:
            scores[: max(0, len(x) - attention.window)] = -np.inf
        heads.append(np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum())
    return np.stack(heads)


def formulas(reference: NumpyTransformer, ids: list[int]) -> np.ndarray:
    x = reference.embedding.rows(np.array(ids)) * np.float32(reference.config.embedding_multiplier)
    cache, layers = KVCache(reference.config, np.float32, reference.fingerprint), []
    cache.reserve(len(ids))
    for block in reference.blocks:
        layers.append(formula(block.attention, _normalized(x, block.attention_norm)))
        x = block(x, [(slice(0, len(ids)), cache)])
    return np.stack(layers)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in FIRST else pytest.mark.slow) for name in NAMES]
)
def test_weights_are_those_of_the_formula(name: str, tmp_path: Path) -> None:
    directory = shutil.copytree(GOLDENS / name, tmp_path / name)
    make_tokenizer().save(str(directory / "tokenizer.json"))
    model, ids = Model.load(directory, "float32", backend="numpy"), Golden(directory).ids
    for length in (1, 2, len(ids) // 2, len(ids)):
        found = model.attention_weights(ids[:length])
        assert found.shape == (model.config.num_hidden_layers, model.config.num_attention_heads, length)
        assert found.dtype == np.float32
        assert np.allclose(found.sum(axis=-1), 1, atol=1e-5) and found.min() >= 0
        assert np.allclose(found, formulas(model._transformer, ids[:length]), atol=2e-5)


@pytest.mark.parametrize("precision", ["float32", "int8", "int4"])
def test_they_are_computed_beside_the_kernels(tiny_model, precision: str) -> None:
    """From the weights as the kernels have them; nothing of the model's own state changes."""
    ids = list(range(3, 90))
    kernels, plain = (Model.load(tiny_model, precision, backend=backend) for backend in ("jit", "numpy"))
    cache = kernels.new_cache()
    before = kernels.forward(ids, cache)
    found = kernels.attention_weights(ids)
    assert np.array_equal(found, plain.attention_weights(ids))
    assert kernels.counters.rows == len(ids) and np.array_equal(kernels.forward(ids, kernels.new_cache()), before)


def test_a_cache_that_holds_the_beginning_spares_computing_it(tiny_model, backend: str) -> None:
    """A session's own, which is not changed; and one that was used before."""
    model, ids = Model.load(tiny_model, backend=backend), list(range(3, 200))
    whole, cache = model.attention_weights(ids), model.new_cache(np.float32)
    steps: list[tuple[int, int]] = []
    model.forward(ids, cache)
    for length in (len(ids), 50, 120):
        part = cache.fork(length - 1)
        found = model.attention_weights(ids[:length], part, lambda *done: steps.append(done))
        assert np.allclose(found, model.attention_weights(ids[:length]), atol=1e-4)
        assert {count for _, count in steps} == {model.config.num_hidden_layers}
    assert np.allclose(model.attention_weights(ids, cache.fork(0)), whole, atol=1e-4) and cache.length == len(ids)


def test_pieces_do_not_show_and_it_can_be_ended(tiny_model, monkeypatch) -> None:
    model, ids = Model.load(tiny_model, backend="numpy"), list(range(3, 200))
    told: list[tuple[int, int]] = []
    whole = model.attention_weights(ids, None, lambda *done: told.append(done))
    assert told[0][0] == 0 and told[-1][0] == told[-1][1] and told == sorted(told)
    monkeypatch.setattr("inference.transformer.numpy_transformer.PIECE", 7)
    assert np.allclose(model.attention_weights(ids), whole, atol=1e-5)

    def stop(done: int, steps: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.attention_weights(ids, None, stop)


def test_what_cannot_be_read_is_said(tiny_model) -> None:
    model = Model.load(tiny_model, backend="numpy")
    with pytest.raises(InferenceError, match="There are no tokens to compute"):
        model.attention_weights([])
    with pytest.raises(InferenceError, match="Token ids must be whole numbers"):
        model.attention_weights([3, 10**6])
