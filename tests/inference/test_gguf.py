"""GGUF files: the same model as in a directory, whatever its tensors are stored as and however it is split."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from inference import CheckpointError, Model, UnsupportedModelError
from inference.checkpoint.checkpoint import open_checkpoint
from inference.checkpoint.weight_cache import Shelf
from inference.transformer.builder import build
from inference.transformer.kv_cache import KVCache
from tests.gguf_models import make_gguf
from tests.tiny_model import make_tiny_model

GOLDENS = Path(__file__).parent.parent / "goldens"
IDS = [5, 6, 7, 8, 30, 2, 9, 40, 41, 5, 3]


def logits(path: Path, precision: str = "float32", backend: str = "numpy", ids: list[int] = IDS) -> np.ndarray:
    """Of a model that may have no tokenizer."""
    transformer = build(open_checkpoint(path), precision, backend, None, lambda *progress: None, Shelf(0))
    cache = KVCache(transformer.config, np.float32, transformer.fingerprint, transformer.tiled)
    return transformer.forward_batch([(ids, cache)])[0]


@pytest.mark.parametrize("name", ["llama-tied", "llama-odd-heads", "llama-biases", "mistral-no-window"])
def test_the_same_logits_as_transformers(name, tmp_path):
    golden = load_file(GOLDENS / name / "golden.safetensors")
    path = make_gguf(GOLDENS / name, tmp_path / "it.gguf")
    assert np.abs(logits(path, ids=golden["token_ids"].tolist()) - golden["logits"]).max() < 2e-4


@pytest.mark.parametrize(("kind", "precision"), [("F32", "float32"), ("F16", "float16"), ("BF16", "bfloat16")])
def test_floats_are_taken_as_stored(kind, precision, tmp_path):
    path = make_gguf(GOLDENS / "llama-tied", tmp_path / "it.gguf", kind)
    assert open_checkpoint(path).weights.precision == precision
    assert (logits(path, precision) == logits(path)).all()


def test_a_split_model_is_opened_by_any_of_its_files(tmp_path):
    whole = make_gguf(GOLDENS / "llama-tied", tmp_path / "it.gguf")
    first = make_gguf(GOLDENS / "llama-tied", tmp_path / "it.gguf", files=3)
    files = sorted(tmp_path.glob("it-*.gguf"))
    assert [path.name for path in files] == [f"it-{number:05}-of-00003.gguf" for number in (1, 2, 3)]
    assert first == files[0]
    expected = logits(whole)
    for path in files:
        assert (logits(path) == expected).all()
        assert Model.inspect(path).size_on_disk == sum(file.stat().st_size for file in files)
    alone = tmp_path / "alone.gguf"
    shutil.copy(first, alone)
    with pytest.raises(CheckpointError, match="one of 3 files"):
        logits(alone)
    files[1].unlink()
    with pytest.raises(CheckpointError, match=r"00002-of-00003\.gguf is missing"):
        logits(first)


def test_inspect_tells_what_the_metadata_say(tmp_path):
    model = make_tiny_model(tmp_path / "tiny")
    directory = Model.inspect(model)
    info = Model.inspect(make_gguf(model, tmp_path / "it.gguf", tokenizer__chat_template="{{ messages }}"))
    assert (info.family, info.parameters, info.context) == (directory.family, directory.parameters, directory.context)
    assert (info.memory, info.stored, info.has_chat_template) == (directory.memory, "float32", True)


@pytest.mark.parametrize(
    ("metadata", "kind", "words"),
    [
        ({"general__architecture": "bloom"}, UnsupportedModelError, "'bloom' are not supported"),
        ({"llama__expert_count": 8}, UnsupportedModelError, "mixture of experts"),
        ({"llama__block_count": 3}, CheckpointError, "tensor blk.2"),
        ({"llama__block_count": 1}, CheckpointError, "unexpected tensor 'blk.1"),
        ({"llama__attention__head_count": 3}, CheckpointError, "heads"),
        ({"llama__attention__head_count": "four"}, CheckpointError, "num_attention_heads is 'four'"),
        ({"llama__embedding_length": 64}, CheckpointError, "shape"),
        ({"llama__rope__scaling__type": "strange"}, UnsupportedModelError, "strange"),
        ({"llama__context_length": 0}, CheckpointError, "max_position_embeddings is 0"),
    ],
)
def test_metadata_that_are_refused(metadata, kind, words, tmp_path):
    path = make_gguf(GOLDENS / "llama-tied", tmp_path / "it.gguf", **metadata)
    with pytest.raises(kind, match=words) as raised:
        Model.inspect(path)
    assert str(path) in str(raised.value)
