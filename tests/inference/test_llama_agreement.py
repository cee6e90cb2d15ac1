"""GGUF files mean to llama.cpp what they mean here: needs llama-cpp-python (the extra bench)."""

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.bench.llama_agreement import agreement, compare, in_float32, llama_logits
from tests.gguf_models import make_gguf
from tests.inference.test_gguf import EIGHT_BITS, FOUR_BITS, GOLDENS, logits, make_every_layer_a_mixture
from tests.smollm2 import smollm2
from tests.tiny_model import make_tiny_model

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("llama_cpp") is None, reason="needs llama-cpp-python (the extra bench)"
)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("gemma2", {"query_pre_attn_scalar": 12}),
        ("gemma3-text", {"query_pre_attn_scalar": 12}),
        ("granite", {}),
        ("llama-biases", {}),
        ("llama-linear-rope", {}),
        ("llama-tied", {}),
        ("llama-yarn-rope", {}),
        ("llama3-rope-v4", {}),
        ("olmo2", {}),
        ("olmo3", {}),
        ("phi3-longrope", {}),
        ("qwen2-tied", {}),
        ("qwen3", {}),
        ("qwen3-yarn-float16", {}),
        ("mixtral", {}),
        ("granitemoe-float16", {}),
        ("smollm3", {"no_rope_layers": [1, 1], "layer_types": None}),
    ],
)
def test_every_architecture(name, changes, tmp_path):
    model = Path(shutil.copytree(GOLDENS / name, tmp_path / name))
    config = json.loads((model / "config.json").read_text()) | changes
    (model / "config.json").write_text(json.dumps(config))
    path = make_gguf(model, tmp_path / "it.gguf")
    ids = np.random.default_rng(0).integers(3, 90, 40).tolist()
    expected = llama_logits(path, ids, config["vocab_size"])
    assert expected.std() > 0.5
    # llama.cpp looks GELU up in a table of float16.
    assert np.abs(logits(path, ids=ids) - expected).max() < (5e-3 if name.startswith("gemma") else 1e-4)


def test_qwen3_moe(tmp_path):
    model = Path(shutil.copytree(GOLDENS / "qwen3-moe", tmp_path / "model"))
    make_every_layer_a_mixture(model)
    path = make_gguf(model, tmp_path / "it.gguf")
    ids = np.random.default_rng(0).integers(3, 90, 40).tolist()
    assert np.abs(logits(path, ids=ids) - llama_logits(path, ids, 96)).max() < 1e-4


@pytest.mark.parametrize("kind", ["F16", "BF16", *EIGHT_BITS, *FOUR_BITS])
def test_every_type_of_tensors(kind, tmp_path):
    """Dequantized, they are the same; of quantized weights llama.cpp rounds the inputs of every product."""
    sizes = {"hidden_size": 256, "intermediate_size": 256, "num_attention_heads": 8, "head_dim": 32}
    model = make_tiny_model(tmp_path / "tiny", **sizes)
    (model / "tokenizer.json").unlink()
    path = make_gguf(model, tmp_path / "it.gguf", kind)
    ids = np.random.default_rng(0).integers(3, 380, 60).tolist()
    ours = logits(path, ids=ids)
    assert np.abs(llama_logits(in_float32(path, tmp_path), ids, 384) - ours).max() < 1e-4
    assert agreement(llama_logits(path, ids, 384), ours).divergence < 1e-3


@pytest.mark.slow
def test_smollm2(capsys):
    """In float32 they are the same; quantized, they agree as well as the rounding of either allows."""
    found = compare(smollm2())
    with capsys.disabled():
        print(f"\nSmolLM2: {found}")
    ours, rounded, llama, exact = found.values()
    assert exact.same >= 0.98 and exact.divergence < 1e-5
    assert ours.divergence < 5e-3
    assert rounded.divergence < 1.5 * llama.divergence
    assert ours.same > llama.same - 0.02
