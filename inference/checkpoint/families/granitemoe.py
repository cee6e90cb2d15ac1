"""Granite with a mixture of experts in every layer; all experts' matrices are in two tensors."""

from inference.checkpoint.config import ModelConfig
from inference.checkpoint.config_reader import ConfigReader
from inference.checkpoint.families.base import LAYER_TENSORS, Family, read_experts
from inference.checkpoint.families.granite import configure

_MOE = "model.layers.{layer}.block_sparse_moe"


def _configure(reader: ConfigReader, config: ModelConfig) -> ModelConfig:
    return configure(reader, config).in_every_layer(
        experts=read_experts(reader, "num_local_experts", "intermediate_size", normalize=True)
    )


GRANITEMOE = Family(
    model_type="granitemoe",
    architecture="GraniteMoeForCausalLM",
    configure=_configure,
    layer_tensors=LAYER_TENSORS
    | {
        "router": f"{_MOE}.router.layer.weight",
        "experts.gate_proj": f"{_MOE}.input_linear.weight",
        "experts.up_proj": f"{_MOE}.input_linear.weight",
        "experts.down_proj": f"{_MOE}.output_linear.weight",
    },
)
