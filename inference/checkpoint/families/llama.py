"""Llama (TinyLlama, Llama 3, SmolLM2, MiniMind): full attention in every layer, biases if the config says so."""

from inference.checkpoint.config import ModelConfig
from inference.checkpoint.config_reader import ConfigReader
from inference.checkpoint.families.base import Family


def configure(reader: ConfigReader, config: ModelConfig) -> ModelConfig:
    """``attention_bias`` and ``mlp_bias`` mean all matrices of attention and MLP."""
    attention = reader.boolean("attention_bias", False)
    return config.in_every_layer(qkv_bias=attention, output_bias=attention, mlp_bias=reader.boolean("mlp_bias", False))


# The first Llama models' configs leave out what was the same in all of them.
LLAMA = Family(
    model_type="llama",
    architecture="LlamaForCausalLM",
    configure=configure,
    defaults={"max_position_embeddings": 2048},
    default_theta=10000.0,
)
