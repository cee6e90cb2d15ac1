"""Architectures of GGUF files: what ``config.json`` calls their metadata, and the names of their tensors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

# Keys of ``config.json`` to those of the metadata, which begin with the architecture.
KEYS = {
    "hidden_size": "embedding_length",
    "intermediate_size": "feed_forward_length",
    "num_hidden_layers": "block_count",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "head_dim": "attention.key_length",
    "max_position_embeddings": "context_length",
    "rms_norm_eps": "attention.layer_norm_rms_epsilon",
    "rope_theta": "rope.freq_base",
}
TOP_TENSORS = {"embed_tokens": "token_embd.weight", "norm": "output_norm.weight", "lm_head": "output.weight"}
# The divisors of the rotary embedding's frequencies, which ``config.json`` gives as numbers.
ROPE_TENSORS = ("rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight")
LAYER_TENSORS = {
    name: f"blk.{{layer}}.{stored}.weight"
    for name, stored in {
        "attention_norm": "attn_norm",
        "q_proj": "attn_q",
        "k_proj": "attn_k",
        "v_proj": "attn_v",
        "o_proj": "attn_output",
        "query_norm": "attn_q_norm",
        "key_norm": "attn_k_norm",
        "post_attention_norm": "post_attention_norm",
        "mlp_norm": "ffn_norm",
        "gate_proj": "ffn_gate",
        "up_proj": "ffn_up",
        "down_proj": "ffn_down",
        "post_mlp_norm": "post_ffw_norm",
    }.items()
}
STACKED = {
    **dict.fromkeys(("q_proj", "k_proj", "v_proj"), "blk.{layer}.attn_qkv.weight"),
    **dict.fromkeys(("gate_proj", "up_proj"), "blk.{layer}.ffn_up.weight"),
}
# Those of all experts are in one tensor.
EXPERT_TENSORS = {
    "router": "blk.{layer}.ffn_gate_inp.weight",
    "experts.gate_proj": "blk.{layer}.ffn_gate_exps.weight",
    "experts.up_proj": "blk.{layer}.ffn_up_exps.weight",
    "experts.down_proj": "blk.{layer}.ffn_down_exps.weight",
}

# The values of a ``config.json``.
Values = dict[str, Any]


@dataclass(frozen=True)
class Architecture:
    """An architecture.

    Args:
        model_type: That of the family in ``config.json``.
        keys: Keys of ``config.json`` to those of the metadata, besides KEYS.
        adapt: Completes the values of ``config.json`` by what follows from them.
        layer_tensors: As in Family.
        interleaved: Rotates pairs of neighbors, for which the rows of queries and keys are stored in another order.
    """

    model_type: str
    keys: Mapping[str, str] = field(default_factory=dict)
    adapt: Callable[[Values], Values] = lambda values: values
    layer_tensors: Mapping[str, str] = field(default_factory=lambda: LAYER_TENSORS)
    interleaved: bool = False


def _scaled_as_gemma(largest: int) -> Callable[[Values], Values]:
    """Attention scales by the size of a head, in the ``largest`` model of a generation by hidden_size / heads."""

    def adapt(values: Values) -> Values:
        values = _with_layer_types(values)
        hidden, heads, size = (values.get(key) for key in ("hidden_size", "num_attention_heads", "head_dim"))
        if values.get("num_hidden_layers") == largest and isinstance(hidden, int) and isinstance(heads, int) and heads:
            size = hidden // heads
        return values | {"query_pre_attn_scalar": size}

    return adapt


def _olmo(values: Values) -> Values:
    """OLMo 3 is known by its windows."""
    return _with_layer_types(values) | {"model_type": "olmo3"} if "sliding_window" in values else values


def _with_layer_types(values: Values) -> Values:
    """Replace a pattern that says of each layer whether it has a window."""
    pattern = values.get("sliding_window_pattern")
    if not isinstance(pattern, list):
        return values
    kinds = ["sliding_attention" if slides else "full_attention" for slides in pattern]
    return {key: value for key, value in values.items() if key != "sliding_window_pattern"} | {"layer_types": kinds}


WINDOW = {"sliding_window": "attention.sliding_window"}
# Every so many layers one sees the whole context; of newer files, whether each layer has a window.
PATTERN = {"sliding_window_pattern": "attention.sliding_window_pattern"}
MULTIPLIERS = {
    "attention_multiplier": "attention.scale",
    "embedding_multiplier": "embedding_scale",
    "residual_multiplier": "residual_scale",
    "logits_scaling": "logit_scale",
}
EXPERTS = {"num_local_experts": "expert_count", "num_experts_per_tok": "expert_used_count"}
ARCHITECTURES: dict[str, Architecture] = {
    "llama": Architecture("llama", interleaved=True),
    "qwen2": Architecture("qwen2"),
    "qwen3": Architecture("qwen3"),
    "smollm3": Architecture("smollm3", interleaved=True),
    "gemma2": Architecture(
        "gemma2",
        WINDOW
        | {
            "attn_logit_softcapping": "attn_logit_softcapping",
            "final_logit_softcapping": "final_logit_softcapping",
        },
        _scaled_as_gemma(largest=46),
    ),
    "gemma3": Architecture(
        "gemma3_text",
        WINDOW | PATTERN | {"rope_local_base_freq": "rope.freq_base_swa"},
        _scaled_as_gemma(largest=62),
    ),
    "phi3": Architecture("phi3", WINDOW, layer_tensors=LAYER_TENSORS | STACKED),
    "olmo2": Architecture("olmo2", WINDOW | PATTERN, _olmo),
    "granite": Architecture(
        "granite",
        MULTIPLIERS,
        interleaved=True,
    ),
}
# Those with experts: a file of the architecture llama may be a Mixtral model.
MIXTURES: dict[str, Architecture] = {
    "llama": Architecture("mixtral", EXPERTS, layer_tensors=LAYER_TENSORS | EXPERT_TENSORS, interleaved=True),
    "qwen3moe": Architecture(
        "qwen3_moe",
        {
            "num_experts": "expert_count",
            "num_experts_per_tok": "expert_used_count",
            "moe_intermediate_size": "expert_feed_forward_length",
        },
        lambda values: values | {"norm_topk_prob": True},
        layer_tensors=LAYER_TENSORS | EXPERT_TENSORS,
    ),
    "granitemoe": Architecture(
        "granitemoe", MULTIPLIERS | EXPERTS, layer_tensors=LAYER_TENSORS | EXPERT_TENSORS, interleaved=True
    ),
}
