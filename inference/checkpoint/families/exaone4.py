"""EXAONE 4: norms after attention and MLP, and on each head; layers without a window have no rotary embedding."""

from inference.checkpoint.config import ModelConfig
from inference.checkpoint.config_reader import ConfigReader
from inference.checkpoint.families.base import LAYER_TENSORS, QK_NORM_TENSORS, Family, with_window
from inference.checkpoint.families.olmo2 import POST_NORM_TENSORS


def _configure(reader: ConfigReader, config: ModelConfig) -> ModelConfig:
    config = config.in_every_layer(pre_norms=False, post_norms=True, qk_norm="head")
    if "sliding_window" not in reader:
        return config
    every = 4 if "layer_types" in reader else reader.integer("sliding_window_pattern", 1, 1024)
    config = with_window(reader, config, [(layer + 1) % every != 0 for layer in range(len(config.layers))])
    return config.with_layers(rope=[None if layer.window is None else 0 for layer in config.layers])


EXAONE4 = Family(
    model_type="exaone4",
    architecture="Exaone4ForCausalLM",
    configure=_configure,
    layer_tensors=LAYER_TENSORS | QK_NORM_TENSORS | POST_NORM_TENSORS,
)
