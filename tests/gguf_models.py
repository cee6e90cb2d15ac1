"""Writes models of Hugging Face directories as GGUF files, with the names of tensors that the gguf package knows."""

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Kind

from inference.checkpoint.safetensors_weights import open_tensor_files
from inference.kernels.reference import widen
from tests.gguf_quantizers import quantize

# Architectures whose rotary embedding takes neighbors as pairs.
INTERLEAVED = ("llama", "granite", "granitemoe", "smollm3")
ARCHITECTURES = {
    "mistral": "llama",
    "mixtral": "llama",
    "gemma3_text": "gemma3",
    "olmo3": "olmo2",
    "qwen3_moe": "qwen3moe",
}


def make_gguf(
    model: Path,
    target: Path,
    kind: str = "F32",
    files: int = 1,
    kinds: Mapping[str, str] | None = None,
    **metadata: Any,
) -> Path:
    """Write the model, its matrices in ``kind``, and return the path; of several files that of the first.

    ``kinds``: those of single matrices by the last part of their names. ``metadata``: more keys, or others than those
    of the model, with ``__`` for a dot.
    """
    config = json.loads((model / "config.json").read_text())
    architecture = ARCHITECTURES.get(config["model_type"], config["model_type"])
    tensors = _tensors(model, config, architecture)
    # A file less has room for all of them but one or two.
    writer = gguf.GGUFWriter(target, architecture, split_max_tensors=-(-len(tensors) // files) if files > 1 else 0)
    if "max_position_embeddings" in config:
        _describe(writer, config)
    if (model / "tokenizer.json").exists():
        _add_tokenizer(writer, json.loads((model / "tokenizer.json").read_text()), config)
    else:
        writer.add_tokenizer_model("no_vocab")
    for key, value in metadata.items():
        _add(writer, key.replace("__", "."), value)
    for name, values in tensors.items():
        own = (kinds or {}).get(name.split(".")[-2], kind)
        held = Kind[own] if values.ndim > 1 else Kind.F32
        writer.add_tensor(name, quantize(values, held), raw_dtype=held)
    writer.write_header_to_file(target)
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target if files == 1 else target.with_name(f"{target.stem}-00001-of-{files:05}.gguf")


def _tensors(model: Path, config: dict[str, Any], architecture: str) -> dict[str, np.ndarray]:
    number = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
    names = gguf.get_tensor_name_map(number, config["num_hidden_layers"])
    heads = {"q_proj": config["num_attention_heads"]}
    heads["k_proj"] = config.get("num_key_value_heads") or config["num_attention_heads"]
    tensors = {}
    for stored, values in _with_all_experts(model).items():
        part = stored.split(".")[-2]
        if architecture in INTERLEAVED and part in heads:
            # Rows i and i + half of a head become neighbors.
            split = values.reshape(heads[part], 2, -1, *values.shape[1:])
            values = np.ascontiguousarray(split.swapaxes(1, 2).reshape(values.shape))
        if architecture.startswith("gemma") and stored.endswith("norm.weight"):
            values = values + 1
        if part == "input_linear":
            prefix = f"blk.{stored.split('.')[2]}"
            for name, half in zip(("gate", "up"), np.split(values, 2, axis=1), strict=True):
                tensors[f"{prefix}.ffn_{name}_exps.weight"] = np.ascontiguousarray(half)
            continue
        name = names.get_name(stored, try_suffixes=(".weight", ".bias"))
        assert name is not None, stored
        tensors[name] = values
    return tensors | _divisors(config)


def _with_all_experts(model: Path) -> dict[str, np.ndarray]:
    """The tensors as stored, but those of all experts in one."""
    stored = {name: widen(file.array(name)) for file in open_tensor_files(model) for name in file.tensors}
    merged: dict[str, list[np.ndarray]] = {}
    for name, values in stored.items():
        merged.setdefault(re.sub(r"\.experts\.\d\.", ".experts.", name), []).append(values)
    return {name: np.stack(parts) if ".experts." in name else np.array(parts[0]) for name, parts in merged.items()}


def _describe(writer: gguf.GGUFWriter, config: dict[str, Any]) -> None:
    heads = config["num_attention_heads"]
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.get("num_key_value_heads") or heads)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    head_dim = config.get("head_dim") or config["hidden_size"] // heads
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    given = {
        "sliding_window": writer.add_sliding_window,
        "attn_logit_softcapping": writer.add_attn_logit_softcapping,
        "final_logit_softcapping": writer.add_final_logit_softcapping,
        "attention_multiplier": writer.add_attention_scale,
        "embedding_multiplier": writer.add_embedding_scale,
        "residual_multiplier": writer.add_residual_scale,
        "logits_scaling": writer.add_logit_scale,
        "sliding_window_pattern": writer.add_sliding_window_pattern,
        "num_experts": writer.add_expert_count,
        "num_local_experts": writer.add_expert_count,
        "num_experts_per_tok": writer.add_expert_used_count,
        "moe_intermediate_size": writer.add_expert_feed_forward_length,
    }
    for key, add in given.items():
        if config.get(key) is not None:
            add(config[key])
    rope = _rope(config)
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_rope_dimension_count(int(head_dim * rope.get("partial_rotary_factor", 1)))
    if "local_theta" in rope:
        writer.add_rope_freq_base_swa(rope["local_theta"])
    if rope.get("rope_type") in ("linear", "yarn", "longrope"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(rope["rope_type"]))
    if "factor" in rope and rope["rope_type"] != "llama3":
        writer.add_rope_scaling_factor(rope["factor"])
    if "original_max_position_embeddings" in rope:
        original = rope["original_max_position_embeddings"]
        writer.add_rope_scaling_orig_ctx_len(original)
        if rope["rope_type"] == "longrope":
            stretched = max(1, config["max_position_embeddings"] / original)
            writer.add_rope_scaling_attn_factors(math.sqrt(1 + math.log(stretched) / math.log(original)))


def _rope(config: dict[str, Any]) -> dict[str, Any]:
    """What either spelling says, with ``local_theta`` for a second rotary embedding."""
    top = ("rope_theta", "partial_rotary_factor", "original_max_position_embeddings")
    rope = {key: config[key] for key in top if key in config}
    rope |= config.get("rope_scaling") or {}
    spelled = config.get("rope_parameters") or {}
    rope |= spelled.get("full_attention", spelled)
    local = spelled.get("sliding_attention", {}).get("rope_theta", config.get("rope_local_base_freq"))
    return rope if local is None else rope | {"local_theta": local}


def _divisors(config: dict[str, Any]) -> dict[str, np.ndarray]:
    """The divisors of the frequencies, for rotary embeddings that are stored so."""
    rope = _rope(config)
    if rope.get("rope_type") == "longrope":
        return {f"rope_factors_{name}.weight": np.float32(rope[f"{name}_factor"]) for name in ("long", "short")}
    if rope.get("rope_type") != "llama3":
        return {}
    size = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    turns = (
        rope["original_max_position_embeddings"] / (2 * math.pi) / rope["rope_theta"] ** (np.arange(0, size, 2) / size)
    )
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    kept = np.clip((turns - low) / (high - low), 0, 1)
    return {"rope_freqs.weight": (1 / (kept + (1 - kept) / rope["factor"])).astype(np.float32)}


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer: dict[str, Any], config: dict[str, Any]) -> None:
    added = {token["id"]: token for token in tokenizer["added_tokens"]}
    tokens = {id_: text for text, id_ in tokenizer["model"]["vocab"].items()}
    tokens |= {id_: token["content"] for id_, token in added.items()}
    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([tokens[id_] for id_ in range(len(tokens))])
    writer.add_token_types([control if id_ in added else normal for id_ in range(len(tokens))])
    merges = tokenizer["model"]["merges"]
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])
    if isinstance(config.get("bos_token_id"), int):
        writer.add_bos_token_id(config["bos_token_id"])
    if isinstance(config.get("eos_token_id"), int):
        writer.add_eos_token_id(config["eos_token_id"])


def _add(writer: gguf.GGUFWriter, key: str, value: Any) -> None:
    kinds = {str: writer.add_string, bool: writer.add_bool, int: writer.add_uint32, float: writer.add_float32}
    kinds.get(type(value), writer.add_array)(key, value)
