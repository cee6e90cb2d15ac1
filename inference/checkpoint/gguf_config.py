"""The config of a GGUF file: its metadata are turned into the ``config.json`` of the family, which does the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from inference.checkpoint.config import ModelConfig
from inference.checkpoint.families import FAMILIES, Family, parse_config
from inference.checkpoint.gguf_architectures import ARCHITECTURES, KEYS, MIXTURES, TOP_TENSORS, Architecture, Values
from inference.checkpoint.gguf_file import GGUFFile
from inference.errors import CheckpointError, UnsupportedModelError

# Keys of metadata that end a reply.
END_KEYS = ("tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id")
BIASES = {"qkv_bias": "attn_q", "output_bias": "attn_output", "mlp_bias": "ffn_gate"}


def read_config(files: Sequence[GGUFFile], source: Path) -> tuple[Architecture, Family, ModelConfig]:
    """Read the config of a model whose metadata is in the first of ``files``; ``source`` is named in errors.

    Raises as ``parse_config``. The family has the names of tensors in GGUF files.
    """
    metadata = files[0].metadata
    name = str(metadata.get("general.architecture"))
    require_supported_architecture(name, source)
    mixture = bool(metadata.get(f"{name}.expert_count"))
    architecture = (MIXTURES if mixture else ARCHITECTURES).get(name)
    if architecture is None:
        kind = "with experts" if mixture else "without experts"
        raise UnsupportedModelError(f"{source}: models of architecture {name} {kind} are not supported.")
    stored = {tensor: file for file in files for tensor in file.tensors}
    values = _config_json(metadata, name, architecture, stored, source)
    family, config = parse_config(values, source, FAMILIES)
    biases = {field: f"blk.0.{matrix}.bias" in stored for field, matrix in BIASES.items()}
    family = replace(family, top_tensors=TOP_TENSORS, layer_tensors=architecture.layer_tensors)
    # What the norms' weights have added to them is in the file.
    return architecture, family, replace(config.in_every_layer(**biases), norm_offset=0.0)


def require_supported_architecture(name: str, source: object) -> None:
    """Raise UnsupportedModelError if no family has models of this architecture."""
    known = sorted(ARCHITECTURES.keys() | MIXTURES.keys())
    if name not in known:
        raise UnsupportedModelError(
            f"{source}: models of architecture {name[:60]!r} are not supported; supported are {', '.join(known)}."
        )


def _config_json(
    metadata: Mapping[str, Any], name: str, architecture: Architecture, stored: Mapping[str, GGUFFile], source: Path
) -> Values:
    """Return the values that ``config.json`` of this model has."""
    keys = {**KEYS, **architecture.keys}
    values = {key: metadata.get(f"{name}.{own}") for key, own in keys.items()}
    embedding = TOP_TENSORS["embed_tokens"]
    if embedding not in stored:
        raise CheckpointError(f"{source}: the tensor {embedding} is missing; the checkpoint is incomplete.")
    vocab_size = stored[embedding].tensors[embedding].shape[0]
    ends = {_token_id(metadata.get(key), vocab_size) for key in END_KEYS}
    values |= {
        "model_type": architecture.model_type,
        "vocab_size": vocab_size,
        "bos_token_id": _token_id(metadata.get("tokenizer.ggml.bos_token_id"), vocab_size),
        "eos_token_id": sorted(end for end in ends if end is not None),
        "tie_word_embeddings": TOP_TENSORS["lm_head"] not in stored,
        "sliding_window": values.get("sliding_window") or None,
    }
    values["head_dim"] = values["head_dim"] or _even_share(values)
    values |= _partial(metadata.get(f"{name}.rope.dimension_count"), values["head_dim"])
    values["rope_scaling"] = _rope_scaling(metadata, name, stored, values)
    return architecture.adapt({key: value for key, value in values.items() if value is not None})


def _token_id(value: Any, vocab_size: int) -> int | None:
    """Files without such a token may have an id beyond the vocabulary."""
    return value if isinstance(value, int) and 0 <= value < vocab_size else None


def _even_share(values: Values) -> int | None:
    hidden, heads = values["hidden_size"], values["num_attention_heads"]
    return hidden // heads if isinstance(hidden, int) and isinstance(heads, int) and heads > 0 else None


def _partial(rotated: Any, head_dim: Any) -> Values:
    if not isinstance(rotated, int) or not isinstance(head_dim, int) or rotated == head_dim:
        return {}
    return {"partial_rotary_factor": rotated / head_dim}


def _rope_scaling(
    metadata: Mapping[str, Any], name: str, stored: Mapping[str, GGUFFile], values: Values
) -> Values | None:
    """Return ``rope_scaling``: from the metadata, or the divisors of each frequency that are stored as tensors."""

    def scaling(key: str) -> Any:
        return metadata.get(f"{name}.rope.scaling.{key}")

    original = scaling("original_context_length") or values["max_position_embeddings"]
    for long, short in (("rope_freqs", "rope_freqs"), ("rope_factors_long", "rope_factors_short")):
        if f"{long}.weight" in stored and f"{short}.weight" in stored:
            return {
                "rope_type": "longrope",
                "long_factor": _divisors(stored, f"{long}.weight"),
                "short_factor": _divisors(stored, f"{short}.weight"),
                "original_max_position_embeddings": original,
                "attention_factor": scaling("attn_factor") or 1.0,
            }
    kind = scaling("type")
    if kind is None or kind == "none":
        return None
    yarn = {"beta_fast": scaling("yarn_beta_fast"), "beta_slow": scaling("yarn_beta_slow")}
    return {
        "rope_type": kind,
        "factor": scaling("factor"),
        "original_max_position_embeddings": original,
        **{key: value for key, value in yarn.items() if value is not None},
    }


def _divisors(stored: Mapping[str, GGUFFile], name: str) -> list[float]:
    values: list[float] = stored[name].vector(name).tolist()
    return values
