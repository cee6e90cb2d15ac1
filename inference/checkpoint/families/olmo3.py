"""OLMo 3: OLMo 2 with a window in all layers but each fourth, where rotary embeddings are not scaled."""

from dataclasses import replace

from inference.checkpoint.config import ModelConfig
from inference.checkpoint.config_reader import ConfigReader
from inference.checkpoint.families.base import Family, with_window
from inference.checkpoint.families.olmo2 import OLMO2, configure
from inference.checkpoint.rope import read_rope


def _configure(reader: ConfigReader, config: ModelConfig) -> ModelConfig:
    every = reader.integer("sliding_window_pattern", 1, 1024)
    layers = [(layer + 1) % every != 0 for layer in range(len(config.layers))]
    config = with_window(reader, configure(reader, config), layers)
    config = config.with_layers(rope=[0 if layer.window is None else 1 for layer in config.layers])
    unscaled = reader.over({**reader.values, "rope_scaling": None})
    return replace(config, ropes=(*config.ropes, read_rope(unscaled, config.head_dim, None, "sliding_attention")))


OLMO3 = Family(
    model_type="olmo3",
    architecture="Olmo3ForCausalLM",
    configure=_configure,
    layer_tensors=OLMO2.layer_tensors,
    defaults={"sliding_window_pattern": 4},
    rope_section="full_attention",
)
