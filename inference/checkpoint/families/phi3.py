"""Phi-3 and Phi-4-mini: Llama with queries, keys and values in one tensor, gate and up in another."""

from inference.checkpoint.config import ModelConfig
from inference.checkpoint.config_reader import ConfigReader
from inference.checkpoint.families.base import LAYER_TENSORS, Family, with_window

STACKED = {
    **dict.fromkeys(("q_proj", "k_proj", "v_proj"), "model.layers.{layer}.self_attn.qkv_proj.weight"),
    **dict.fromkeys(("gate_proj", "up_proj"), "model.layers.{layer}.mlp.gate_up_proj.weight"),
}


def _configure(reader: ConfigReader, config: ModelConfig) -> ModelConfig:
    return with_window(reader, config, [True] * len(config.layers))


PHI3 = Family(
    model_type="phi3",
    architecture="Phi3ForCausalLM",
    configure=_configure,
    layer_tensors=LAYER_TENSORS | STACKED,
)
