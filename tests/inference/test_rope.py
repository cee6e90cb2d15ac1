"""Rotary embeddings: both spellings of a config, and frequencies that do not depend on the sequence."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference import CheckpointError
from inference.checkpoint.config import ModelConfig
from inference.checkpoint.families import FAMILIES, parse_config
from inference.checkpoint.rope import RopeParameters
from inference.transformer.rotary import RotaryEmbedding, inverse_frequencies
from tests.tiny_model import CONFIG

LLAMA3 = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
LONG = {"short_factor": [1.0, 2.0, 3.0, 4.0], "long_factor": [5.0, 6.0, 7.0, 8.0]}


def read(family: str = "llama", **changes: Any) -> ModelConfig:
    values = CONFIG | {"vocab_size": 384, "model_type": family, "architectures": [FAMILIES[family].architecture]}
    values = {key: value for key, value in (values | changes).items() if value is not ...}
    return parse_config(values, Path("config.json"), FAMILIES)[1]


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ({}, {"rope_type": "default"}),
        ({"rope_scaling": None, "partial_rotary_factor": 0.5}, {"rope_type": "default", "partial_rotary_factor": 0.5}),
        ({"rope_scaling": {"type": "linear", "factor": 4}}, {"rope_type": "linear", "factor": 4.0}),
        ({"rope_scaling": {"rope_type": "llama3", **LLAMA3}}, {"rope_type": "llama3", **LLAMA3}),
        ({"rope_scaling": {"type": "yarn", "factor": 2.0}}, {"rope_type": "yarn", "factor": 2.0, "beta_fast": 32}),
        (
            {"rope_scaling": {"type": "su", **LONG}, "original_max_position_embeddings": 64},
            {"rope_type": "longrope", **LONG, "original_max_position_embeddings": 64},
        ),
    ],
)
def test_both_spellings_mean_the_same(older, newer):
    old = read(**{"rope_theta": 5e5, **older}).ropes
    assert read(rope_theta=..., rope_parameters={"rope_theta": 5e5, **newer}).ropes == old
    nested = {kind: {"rope_theta": 5e5, **newer} for kind in ("full_attention", "sliding_attention")}
    assert read(rope_theta=..., rope_parameters=nested).ropes == old
    # A file that has both, and they agree.
    assert read(**{"rope_theta": 5e5, **older}, rope_parameters={"rope_theta": 5e5, **newer}).ropes == old


def test_the_ropes_of_gemma3_in_both_spellings():
    full, sliding = {"rope_theta": 1e6, "rope_type": "linear", "factor": 8.0}, {"rope_theta": 1e4}
    nested = {"full_attention": full, "sliding_attention": sliding}
    newer = read("gemma3_text", rope_theta=..., rope_parameters=nested)
    linear = {"rope_type": "linear", "factor": 8.0}
    older = read("gemma3_text", rope_theta=1e6, rope_local_base_freq=1e4, rope_scaling=linear)
    assert newer.ropes == older.ropes == (RopeParameters(1e6, "linear", factor=8.0), RopeParameters(1e4))
    assert (newer.notes, older.notes) == ((), ())
    with pytest.raises(CheckpointError, match="rope_theta"):
        read("gemma3_text", rope_theta=1e5, rope_parameters=nested)
    with pytest.raises(CheckpointError, match="one section per type of layer"):
        read("gemma3_text", rope_theta=..., rope_parameters=full)


def test_gemma3_of_a_multimodal_config_that_leaves_out_what_is_usual():
    usual = {"hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 6, "sliding_window": 1024}
    text = usual | {"model_type": "gemma3_text", "rope_scaling": {"rope_type": "linear", "factor": 8.0}}
    values = {"model_type": "gemma3", "text_config": text, "vision_config": {}, "eos_token_id": [1, 106]}
    config = parse_config(values, Path("config.json"), FAMILIES)[1]
    assert (config.num_attention_heads, config.num_key_value_heads, config.head_dim) == (8, 4, 256)
    assert [layer.window for layer in config.layers] == [1024] * 5 + [None]
    assert [layer.rope for layer in config.layers] == [1] * 5 + [0]
    assert config.ropes == (RopeParameters(1e6, "linear", factor=8.0), RopeParameters(1e4))
    assert config.eos_token_ids == (1, 106)
    assert len(config.notes) == 2


def test_longrope_goes_by_the_context_and_not_by_the_sequence():
    scaling = {"type": "longrope", **LONG}
    config = read(rope_scaling=scaling, original_max_position_embeddings=64, max_position_embeddings=512)
    (rope,) = config.ropes
    plain = inverse_frequencies(RopeParameters(1e4), 8, 512)
    short, long = (inverse_frequencies(rope, 8, context) for context in (64, 65))
    assert np.allclose(short * LONG["short_factor"], plain, rtol=1e-6)
    assert np.allclose(long * LONG["long_factor"], plain, rtol=1e-6)
    # What attention is scaled by is the model's, however short the context is made.
    assert rope.attention_factor == pytest.approx(math.sqrt(1 + math.log(8) / math.log(64)))
    cos, sin = RotaryEmbedding(rope, 8, 512).angles(np.array([0, 200]))
    assert np.allclose(np.hypot(cos, sin), rope.attention_factor, rtol=1e-6)


def test_dynamic_scaling_changes_nothing_within_the_context():
    assert read(rope_scaling={"type": "dynamic", "factor": 2.0}).ropes == read().ropes
