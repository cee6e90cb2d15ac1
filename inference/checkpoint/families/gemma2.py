"""Gemma 2: four norms per block, (1 + w) in each, GELU, soft caps, a sliding window in every other layer."""

import math
from dataclasses import replace

from inference.checkpoint.config import ModelConfig
from inference.checkpoint.config_reader import ConfigReader
from inference.checkpoint.families.base import LAYER_TENSORS, Family, with_window

FOUR_NORM_TENSORS = {
    "post_attention_norm": "model.layers.{layer}.post_attention_layernorm.weight",
    "mlp_norm": "model.layers.{layer}.pre_feedforward_layernorm.weight",
    "post_mlp_norm": "model.layers.{layer}.post_feedforward_layernorm.weight",
}
DEFAULTS = {"hidden_activation": "gelu_pytorch_tanh", "query_pre_attn_scalar": 256, "sliding_window": 4096}


def configure(reader: ConfigReader, config: ModelConfig) -> ModelConfig:
    """Configure all that Gemma 2 and Gemma 3 have in common."""
    bias = reader.boolean("attention_bias", False)
    if reader.boolean("use_bidirectional_attention", False):
        raise reader.refuse("use_bidirectional_attention", True, "false")
    config = config.in_every_layer(
        attention_scale=1 / math.sqrt(reader.number("query_pre_attn_scalar", 1e-6, 1e6)),
        attention_softcap=_cap(reader, "attn_logit_softcapping"),
        post_norms=True,
        qkv_bias=bias,
        output_bias=bias,
    )
    return replace(
        config,
        embedding_multiplier=math.sqrt(config.hidden_size),
        logits_softcap=_cap(reader, "final_logit_softcapping"),
        norm_offset=1.0,
    )


def _cap(reader: ConfigReader, key: str) -> float | None:
    return reader.number(key, 1e-6, 1e6) if key in reader else None


def _configure(reader: ConfigReader, config: ModelConfig) -> ModelConfig:
    return with_window(reader, configure(reader, config), [layer % 2 == 0 for layer in range(len(config.layers))])


GEMMA2 = Family(
    model_type="gemma2",
    architecture="Gemma2ForCausalLM",
    configure=_configure,
    layer_tensors=LAYER_TENSORS | FOUR_NORM_TENSORS,
    defaults=DEFAULTS | {"attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0},
)
