"""Qwen3: each head's queries and keys are normalized before they are rotated."""

from inference.checkpoint.config import ModelConfig
from inference.checkpoint.config_reader import ConfigReader
from inference.checkpoint.families.base import LAYER_TENSORS, QK_NORM_TENSORS, Family
from inference.checkpoint.families.qwen2 import WINDOW_DEFAULTS, with_upper_window


def configure(reader: ConfigReader, config: ModelConfig) -> ModelConfig:
    """Unlike in Qwen2, biases are in the config."""
    bias = reader.boolean("attention_bias", False)
    return with_upper_window(reader, config.in_every_layer(qk_norm="head", qkv_bias=bias, output_bias=bias))


QWEN3 = Family(
    model_type="qwen3",
    architecture="Qwen3ForCausalLM",
    configure=configure,
    layer_tensors=LAYER_TENSORS | QK_NORM_TENSORS,
    defaults=WINDOW_DEFAULTS | {"head_dim": 128},
)
