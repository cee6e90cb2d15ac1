"""Mistral: Llama with one sliding window for all layers, or none, and without biases."""

from inference.checkpoint.config import ModelConfig
from inference.checkpoint.config_reader import ConfigReader
from inference.checkpoint.families.base import Family, with_window


def _configure(reader: ConfigReader, config: ModelConfig) -> ModelConfig:
    return with_window(reader, config, [True] * len(config.layers))


# Without the key the window is 4096; null means none.
MISTRAL = Family(
    model_type="mistral",
    architecture="MistralForCausalLM",
    configure=_configure,
    defaults={"sliding_window": 4096},
)
