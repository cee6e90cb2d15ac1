"""Granite: Llama with multipliers on embeddings, attention and residuals, and divided logits."""

from dataclasses import replace

from inference.checkpoint.config import ModelConfig
from inference.checkpoint.config_reader import ConfigReader
from inference.checkpoint.families.base import Family
from inference.checkpoint.families.llama import configure as configure_llama


def configure(reader: ConfigReader, config: ModelConfig) -> ModelConfig:
    """Multipliers that the config leaves out are 1, that of attention too."""
    config = configure_llama(reader, config).in_every_layer(
        attention_scale=_multiplier(reader, "attention_multiplier"),
        residual_multiplier=_multiplier(reader, "residual_multiplier"),
    )
    return replace(
        config,
        embedding_multiplier=_multiplier(reader, "embedding_multiplier"),
        logits_multiplier=1 / _multiplier(reader, "logits_scaling"),
    )


def _multiplier(reader: ConfigReader, key: str) -> float:
    return reader.number(key, 1e-6, 1e6, 1.0)


GRANITE = Family(model_type="granite", architecture="GraniteForCausalLM", configure=configure)
