"""Qwen2 and Qwen2.5: biases on queries, keys and values; the upper layers may have a sliding window."""

from inference.checkpoint.config import ModelConfig
from inference.checkpoint.config_reader import ConfigReader
from inference.checkpoint.families.base import Family, with_window


def with_upper_window(reader: ConfigReader, config: ModelConfig) -> ModelConfig:
    """Give the layers from ``max_window_layers`` on a sliding window, if ``use_sliding_window`` says so."""
    if not reader.boolean("use_sliding_window", False):
        return config
    first = reader.integer("max_window_layers", 0, 1024)
    return with_window(reader, config, [layer >= first for layer in range(len(config.layers))])


def _configure(reader: ConfigReader, config: ModelConfig) -> ModelConfig:
    return with_upper_window(reader, config.in_every_layer(qkv_bias=True))


WINDOW_DEFAULTS = {"max_window_layers": 28, "sliding_window": 4096}

QWEN2 = Family(model_type="qwen2", architecture="Qwen2ForCausalLM", configure=_configure, defaults=WINDOW_DEFAULTS)
