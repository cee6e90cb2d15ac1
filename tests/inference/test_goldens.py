"""Logits equal those that transformers computed for the same weights, however the prompt is fed."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from inference import Model
from inference.kernels import backend
from tests.tiny_model import make_tokenizer

GOLDENS = Path(__file__).parent.parent / "goldens"
# BLAS adds in another order for each shape, the compiled kernels always in the same one.
TOLERANCE = 0 if backend.compiled() else 1e-4
NAMES = sorted(path.name for path in GOLDENS.iterdir() if (path / "golden.safetensors").exists())


@pytest.fixture(params=NAMES)
def golden(request: pytest.FixtureRequest, tmp_path: Path):
    """A model, the token ids it was given and the logits [tokens, vocab_size] that transformers computed."""
    directory = tmp_path / request.param
    shutil.copytree(GOLDENS / request.param, directory)
    expected = load_file(directory / "golden.safetensors")
    make_tokenizer().save(str(directory / "tokenizer.json"))
    return directory, expected["token_ids"].tolist(), expected["logits"]


def test_every_case_is_there():
    assert len(NAMES) >= 16


def test_logits_equal_transformers(golden):
    directory, ids, expected = golden
    model = Model.load(directory)
    logits = model.forward(ids, model.new_cache())
    assert logits.dtype == np.float32
    assert logits.shape == expected.shape
    assert expected.std() > 0.5
    assert np.abs(logits - expected).max() < 2e-4


def test_one_go_chunks_and_single_tokens_agree(golden):
    directory, ids, expected = golden
    model = Model.load(directory)
    whole = model.forward(ids, model.new_cache())
    for step in (1, 7, 64):
        cache = model.new_cache()
        parts = [model.forward(ids[start : start + step], cache) for start in range(0, len(ids), step)]
        assert cache.length == len(ids)
        assert np.abs(np.concatenate(parts) - whole).max() <= TOLERANCE
    last = model.forward(ids, model.new_cache(), last_only=True)
    assert last.shape == (1, expected.shape[1])
    assert np.abs(last[0] - whole[-1]).max() <= TOLERANCE


def test_rows_of_a_batch_do_not_influence_each_other(golden):
    directory, ids, _ = golden
    model = Model.load(directory)
    alone = model.forward(ids, model.new_cache())
    shifted = ids[5:] + ids[:5]
    batch = [(ids[:20], model.new_cache()), (shifted, model.new_cache()), (ids[:1], model.new_cache())]
    first, _, third = model.forward_batch(batch)
    assert np.abs(first - alone[:20]).max() <= TOLERANCE
    assert np.abs(third - alone[:1]).max() <= TOLERANCE


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_sixteen_bit_precisions_stay_close(golden, precision):
    directory, ids, expected = golden
    model = Model.load(directory, precision=precision)
    assert model.new_cache().dtype == np.float16
    difference = np.abs(model.forward(ids, model.new_cache()) - expected)
    assert difference.mean() < (0.02 if precision == "bfloat16" else 0.004)
