"""Gemma 3: Gemma 2 with normalized queries and keys instead of soft caps, and two rotary embeddings.

Five of six layers have a sliding window and a rotary embedding of their own. In a multimodal checkpoint this is the
language model; the other parts are left alone.
"""

from dataclasses import replace

from inference.checkpoint.config import ModelConfig
from inference.checkpoint.config_reader import ConfigReader
from inference.checkpoint.families.base import LAYER_TENSORS, QK_NORM_TENSORS, Family, with_window
from inference.checkpoint.families.gemma2 import DEFAULTS, FOUR_NORM_TENSORS, configure
from inference.checkpoint.rope import read_rope

LOCAL_THETA = 1e4


def _configure(reader: ConfigReader, config: ModelConfig) -> ModelConfig:
    every = reader.integer("sliding_window_pattern", 1, 1024)
    layers = [(layer + 1) % every != 0 for layer in range(len(config.layers))]
    config = with_window(reader, configure(reader, config), layers).in_every_layer(qk_norm="head")
    config = config.with_layers(rope=[0 if layer.window is None else 1 for layer in config.layers])
    # In the older spelling rope_theta and rope_scaling are those of the layers without a window.
    theta = reader.values.get("rope_local_base_freq")
    local = reader.over({**reader.values, "rope_theta": theta, "rope_scaling": None})
    sliding = read_rope(local, config.head_dim, LOCAL_THETA, "sliding_attention")
    return replace(config, ropes=(*config.ropes, sliding))


GEMMA3_TEXT = Family(
    model_type="gemma3_text",
    architecture="Gemma3ForCausalLM",
    configure=_configure,
    layer_tensors=LAYER_TENSORS | FOUR_NORM_TENSORS | QK_NORM_TENSORS,
    defaults=DEFAULTS
    | {
        "vocab_size": 262208,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 256,
        "max_position_embeddings": 131072,
        "rms_norm_eps": 1e-6,
        "sliding_window_pattern": 6,
    },
    default_theta=1e6,
    rope_section="full_attention",
)
# As in transformers 4, whose names version 5 keeps, and as in version 5's modules.
GEMMA3 = replace(
    GEMMA3_TEXT,
    model_type="gemma3",
    architecture="Gemma3ForConditionalGeneration",
    text_section="text_config",
    text_prefixes={
        "language_model.model.": "model.",
        "language_model.lm_head.": "lm_head.",
        "model.language_model.": "model.",
        "lm_head.": "lm_head.",
    },
)
