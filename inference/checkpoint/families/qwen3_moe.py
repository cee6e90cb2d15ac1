"""Qwen3 with a mixture of experts in most layers."""

from inference.checkpoint.config import ModelConfig
from inference.checkpoint.config_reader import ConfigReader
from inference.checkpoint.families.base import (
    EXPERT_TENSORS,
    LAYER_TENSORS,
    QK_NORM_TENSORS,
    Family,
    read_experts,
    with_window,
)


def _configure(reader: ConfigReader, config: ModelConfig) -> ModelConfig:
    bias = reader.boolean("attention_bias", False)
    config = config.in_every_layer(qk_norm="head", qkv_bias=bias, output_bias=bias)
    if reader.boolean("use_sliding_window", False):
        config = with_window(reader, config, [True] * len(config.layers))
    count_key = "num_experts" if "num_experts" in reader else "num_local_experts"  # as transformers 5 writes it
    normalize = reader.boolean("norm_topk_prob", False)
    experts = read_experts(reader, count_key, "moe_intermediate_size", normalize)
    step, dense = reader.integer("decoder_sparse_step", 1, 1024, 1), reader.values.get("mlp_only_layers") or []
    if not isinstance(dense, list):
        raise reader.refuse("mlp_only_layers", dense, "a list of layers")
    mixed = ((layer + 1) % step == 0 and layer not in dense for layer in range(len(config.layers)))
    return config.with_layers(experts=[experts if mixes else None for mixes in mixed])


QWEN3_MOE = Family(
    model_type="qwen3_moe",
    architecture="Qwen3MoeForCausalLM",
    configure=_configure,
    layer_tensors=LAYER_TENSORS | QK_NORM_TENSORS | EXPERT_TENSORS,
    defaults={"sliding_window": 4096},
)
