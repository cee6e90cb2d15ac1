"""Logits equal those that transformers computed for the same weights, on both backends and however they are fed."""

import functools
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from inference import Model
from tests.backends import rounding
from tests.tiny_model import make_tokenizer

GOLDENS = Path(__file__).parent.parent / "goldens"
NAMES = sorted(path.name for path in GOLDENS.iterdir() if (path / "golden.safetensors").exists())


@pytest.fixture(scope="module", params=NAMES)
def directory(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A golden model's directory, with a tokenizer."""
    directory = tmp_path_factory.mktemp("goldens") / request.param
    shutil.copytree(GOLDENS / request.param, directory)
    make_tokenizer().save(str(directory / "tokenizer.json"))
    return directory


@pytest.fixture(scope="module")
def expected(directory: Path) -> tuple[list[int], np.ndarray]:
    """Token ids, and the logits [tokens, vocab_size] that transformers computed for them."""
    golden = load_file(directory / "golden.safetensors")
    return golden["token_ids"].tolist(), golden["logits"]


@pytest.fixture(scope="module")
def load(directory: Path, backend: str) -> Callable[..., Model]:
    """``load(precision="auto")`` loads the golden model once per precision and backend."""
    return functools.cache(lambda precision="auto": Model.load(directory, precision, backend=backend))


def test_every_case_is_there():
    assert len(NAMES) >= 16


def test_logits_equal_transformers(load, expected):
    ids, golden = expected
    logits = load().forward(ids, load().new_cache())
    assert logits.dtype == np.float32
    assert logits.shape == golden.shape
    assert golden.std() > 0.5
    assert np.abs(logits - golden).max() < 2e-4


def test_one_go_chunks_and_single_tokens_agree(load, expected):
    ids, model = expected[0], load()
    whole = model.forward(ids, model.new_cache())
    for step in (1, 7, 64):
        cache = model.new_cache()
        parts = [model.forward(ids[start : start + step], cache) for start in range(0, len(ids), step)]
        assert cache.length == len(ids)
        assert np.abs(np.concatenate(parts) - whole).max() <= rounding(model)
    last = model.forward(ids, model.new_cache(), last_only=True)
    assert last.shape == (1, whole.shape[1])
    assert np.abs(last[0] - whole[-1]).max() <= rounding(model)


def test_rows_of_a_batch_do_not_influence_each_other(load, expected):
    ids, model = expected[0], load()
    alone = model.forward(ids, model.new_cache())
    shifted = ids[5:] + ids[:5]
    batch = [(ids[:20], model.new_cache()), (shifted, model.new_cache()), (ids[:1], model.new_cache())]
    first, _, third = model.forward_batch(batch)
    assert np.abs(first - alone[:20]).max() <= rounding(model)
    assert np.abs(third - alone[:1]).max() <= rounding(model)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_sixteen_bit_precisions_stay_close(load, expected, precision):
    (ids, golden), model = expected, load(precision)
    assert model.new_cache().dtype == np.float16
    difference = np.abs(model.forward(ids, model.new_cache()) - golden)
    assert difference.mean() < (0.02 if precision == "bfloat16" else 0.004)
