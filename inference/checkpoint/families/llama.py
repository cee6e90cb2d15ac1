"""Llama (TinyLlama, Llama 3, SmolLM2, MiniMind): full attention in every layer, biases if the config says so."""

from inference.checkpoint.config import ConfigReader, ModelConfig
from inference.checkpoint.families.base import LAYER_TENSORS, TOP_TENSORS, Family


def _configure(reader: ConfigReader, config: ModelConfig) -> ModelConfig:
    attention = reader.boolean("attention_bias", False)
    return config.in_every_layer(qkv_bias=attention, output_bias=attention, mlp_bias=reader.boolean("mlp_bias", False))


LLAMA = Family(
    model_type="llama",
    architecture="LlamaForCausalLM",
    configure=_configure,
    top_tensors=TOP_TENSORS,
    layer_tensors=LAYER_TENSORS,
)
