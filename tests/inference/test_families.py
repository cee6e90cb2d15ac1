"""Configs of families as their makers publish them, and what in them is refused."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference import CheckpointError, Model, ModelConfig, UnsupportedModelError
from inference.checkpoint.families import FAMILIES, parse_config
from tests.inference.test_checkpoints import header_of, write_header
from tests.inference.test_goldens import GOLDENS
from tests.tiny_model import make_tokenizer


def shape(hidden: int, ffn: int, layers: int, heads: int, kv_heads: int | None, **more: Any) -> dict[str, Any]:
    return {
        "vocab_size": 1000,
        "hidden_size": hidden,
        "intermediate_size": ffn,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "rms_norm_eps": 1e-6,
    } | more


def windows(config: ModelConfig) -> list[int | None]:
    return [layer.window for layer in config.layers]


# Sizes and settings of real models, with how they are written; keys that say nothing new are left out.
PUBLISHED: dict[str, tuple[dict[str, Any], Callable[[ModelConfig], bool]]] = {
    "Llama 2 7B": (
        shape(4096, 11008, 32, 32, 32, model_type="llama", max_position_embeddings=4096, rope_scaling=None),
        lambda config: config.ropes[0].rope_theta == 1e4 and len(config.notes) == 1,
    ),
    "Qwen2.5 7B": (
        shape(3584, 18944, 28, 28, 4, model_type="qwen2", max_position_embeddings=32768, rope_theta=1e6)
        | {"sliding_window": 131072, "use_sliding_window": False, "max_window_layers": 28},
        lambda config: windows(config) == [None] * 28 and config.layers[0].qkv_bias,
    ),
    "Qwen3 30B A3B": (
        shape(2048, 6144, 48, 32, 4, model_type="qwen3_moe", max_position_embeddings=40960, rope_theta=1e6)
        | {"head_dim": 128, "num_experts": 128, "num_experts_per_tok": 8, "moe_intermediate_size": 768}
        | {"norm_topk_prob": True, "decoder_sparse_step": 1, "mlp_only_layers": [], "sliding_window": None},
        lambda config: {layer.experts and layer.experts.count for layer in config.layers} == {128},
    ),
    "Gemma 2 2B": (
        shape(2304, 9216, 26, 8, 4, model_type="gemma2", head_dim=256, rope_theta=1e4, max_position_embeddings=8192)
        | {"hidden_act": "gelu_pytorch_tanh", "hidden_activation": "gelu_pytorch_tanh", "sliding_window": 4096}
        | {"attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0, "query_pre_attn_scalar": 256},
        lambda config: windows(config) == [4096, None] * 13 and config.layers[0].attention_softcap == 50,
    ),
    "Gemma 3 1B": (
        shape(1152, 6912, 26, 4, 1, model_type="gemma3_text", head_dim=256, max_position_embeddings=32768)
        | {"rope_theta": 1e6, "rope_local_base_freq": 1e4, "sliding_window": 512, "sliding_window_pattern": 6},
        lambda config: windows(config) == ([512] * 5 + [None]) * 4 + [512] * 2 and len(config.ropes) == 2,
    ),
    "Phi-4 mini": (
        shape(3072, 8192, 32, 24, 8, model_type="phi3", max_position_embeddings=131072, sliding_window=262144)
        | {"original_max_position_embeddings": 4096, "partial_rotary_factor": 0.75, "rope_theta": 1e4}
        | {"rope_scaling": {"type": "longrope", "long_factor": [2.0] * 48, "short_factor": [1.0] * 48}},
        lambda config: config.ropes[0].rotated(config.head_dim) == 96 and windows(config) == [262144] * 32,
    ),
    "SmolLM3 3B": (
        shape(2048, 11008, 36, 16, 4, model_type="smollm3", max_position_embeddings=65536, rope_theta=5e6)
        | {"no_rope_layers": [1, 1, 1, 0] * 9, "layer_types": ["full_attention"] * 36, "use_sliding_window": False},
        lambda config: [layer.rope for layer in config.layers] == [0, 0, 0, None] * 9,
    ),
    "Granite 3.3 2B": (
        shape(2048, 8192, 40, 32, 8, model_type="granite", max_position_embeddings=131072, rope_theta=1e7)
        | {"attention_multiplier": 0.015625, "embedding_multiplier": 12.0, "residual_multiplier": 0.22}
        | {"logits_scaling": 8.0},
        lambda config: config.logits_multiplier == 1 / 8 and config.layers[0].attention_scale == 0.015625,
    ),
}


def read(values: dict[str, Any]) -> ModelConfig:
    return parse_config(values, Path("config.json"), FAMILIES)[1]


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_configs(name):
    values, is_right = PUBLISHED[name]
    assert is_right(read(values))


@pytest.mark.parametrize(
    ("name", "changes", "kind", "words"),
    [
        ("SmolLM3 3B", {"no_rope_layers": [1, 0]}, CheckpointError, "no_rope_layers"),
        ("Qwen3 30B A3B", {"num_experts_per_tok": 129}, CheckpointError, "num_experts_per_tok"),
        ("Qwen3 30B A3B", {"mlp_only_layers": 3}, CheckpointError, "mlp_only_layers"),
        ("Qwen3 30B A3B", {"num_experts": None}, CheckpointError, "num_local_experts"),
        ("Gemma 3 1B", {"layer_types": ["full_attention"]}, CheckpointError, "layer_types"),
        ("Gemma 3 1B", {"layer_types": ["linear_attention"] * 26}, UnsupportedModelError, "linear_attention"),
        ("Gemma 3 1B", {"use_bidirectional_attention": True}, CheckpointError, "use_bidirectional_attention"),
        ("Gemma 2 2B", {"hidden_activation": "relu2"}, UnsupportedModelError, "relu2"),
        ("Granite 3.3 2B", {"logits_scaling": 0}, CheckpointError, "logits_scaling"),
        ("Phi-4 mini", {"partial_rotary_factor": 0.5}, CheckpointError, "short_factor"),
        ("Llama 2 7B", {"model_type": "lfm2"}, UnsupportedModelError, "lfm2"),
    ],
)
def test_what_no_layer_can_be_is_refused(name, changes, kind, words):
    with pytest.raises(kind, match=words):
        read(PUBLISHED[name][0] | changes)


def test_the_language_model_in_a_multimodal_checkpoint_by_its_newer_names(tmp_path):
    directory = Path(shutil.copytree(GOLDENS / "gemma3-multimodal-bfloat16", tmp_path / "model"))
    make_tokenizer().save(str(directory / "tokenizer.json"))
    file = directory / "model.safetensors"
    expected = logits_of(directory)
    header, data = header_of(file)
    names = {name: name.replace("language_model.model.", "language_model.") for name in header}
    write_header(file, {f"model.{names[name]}": header[name] for name in header if name != "__metadata__"}, data)
    assert (logits_of(directory) == expected).all()
    assert np.abs(expected).max() > 0.1


def logits_of(directory: Path) -> np.ndarray:
    model = Model.load(directory, "float32", backend="numpy")
    return model.forward([5, 6, 7], model.new_cache())
