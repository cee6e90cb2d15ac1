"""Mixtral: Mistral with a mixture of experts in every layer."""

from inference.checkpoint.config import ModelConfig
from inference.checkpoint.config_reader import ConfigReader
from inference.checkpoint.families.base import LAYER_TENSORS, Family, read_experts, with_window

_MOE = "model.layers.{layer}.block_sparse_moe"
_EXPERT = _MOE + ".experts.{expert}"


def _configure(reader: ConfigReader, config: ModelConfig) -> ModelConfig:
    config = with_window(reader, config, [True] * len(config.layers))
    return config.in_every_layer(experts=read_experts(reader, "num_local_experts", "intermediate_size", normalize=True))


MIXTRAL = Family(
    model_type="mixtral",
    architecture="MixtralForCausalLM",
    configure=_configure,
    layer_tensors=LAYER_TENSORS
    | {
        "router": f"{_MOE}.gate.weight",
        "experts.gate_proj": f"{_EXPERT}.w1.weight",
        "experts.up_proj": f"{_EXPERT}.w3.weight",
        "experts.down_proj": f"{_EXPERT}.w2.weight",
    },
)
