"""Mistral: Llama with one sliding window for all layers, or none, and without biases."""

from inference.checkpoint.config import ConfigReader, ModelConfig
from inference.checkpoint.families.base import LAYER_TENSORS, TOP_TENSORS, Family

# The window if the config has no such key; null means none.
DEFAULT_WINDOW = 4096


def _configure(reader: ConfigReader, config: ModelConfig) -> ModelConfig:
    if "sliding_window" in reader.values and "sliding_window" not in reader:
        return config
    return config.in_every_layer(window=reader.integer("sliding_window", 1, 2**28, default=DEFAULT_WINDOW))


MISTRAL = Family(
    model_type="mistral",
    architecture="MistralForCausalLM",
    configure=_configure,
    top_tensors=TOP_TENSORS,
    layer_tensors=LAYER_TENSORS,
)
