"""Converts a model to a GGUF file for llama.cpp (github.com/ggml-org/ggml, docs/gguf.md)."""

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt
from gguf import GGMLQuantizationType as Kind

from inference.checkpoint.checkpoint import HuggingFaceDirectory
from inference.checkpoint.config import LayerSpec, ModelConfig
from inference.checkpoint.weights import Weights
from inference.errors import CheckpointError
from inference.kernels import reference
from inference.kernels.reference import Floats
from inference.system.atomic_write import atomic_write
from inference.transformer.builder import AT_LEAST_INT8
from inference.transformer.rotary import inverse_frequencies

TOP_NAMES = {"embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output"}
LAYER_NAMES = {
    "attention_norm": "attn_norm",
    "q_proj": "attn_q",
    "k_proj": "attn_k",
    "v_proj": "attn_v",
    "o_proj": "attn_output",
    "mlp_norm": "ffn_norm",
    "gate_proj": "ffn_gate",
    "up_proj": "ffn_up",
    "down_proj": "ffn_down",
}
ROWS_AT_A_TIME = 4096
# Increase it when the output changes.
VERSION = 1


def gguf_file(model: Path, kind: str, directory: Path, report: Callable[[str], None] = lambda what: None) -> Path:
    """The cached GGUF file of ``model`` with matrices in ``kind``: F32, F16, BF16, Q8_0, Q4_0 or Q4_K_M.

    Written on first use, after calling ``report(what)``. Raises CheckpointError if that fails.
    """
    checkpoint = HuggingFaceDirectory(model)
    weights, config = checkpoint.weights, checkpoint.config
    _require_llama(config)
    target = directory / f"{checkpoint.fingerprint[:24]}-{VERSION}-{kind}.gguf"
    if target.is_file():
        return target
    source = gguf_file(model, "F16", directory, report) if kind == "Q4_K_M" else None
    report(f"writing {target}")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with atomic_write(target) as partial:
            if source is None:
                _write(weights, config, Kind[kind], partial)
            else:
                _requantize(source, partial)
    except OSError as error:
        raise CheckpointError(f"Cannot write {target} ({error.strerror or error}). Free some disk space.") from None
    return target


def _require_llama(config: ModelConfig) -> None:
    """Raise CheckpointError for what llama.cpp would not compute in a file of the llama architecture."""
    plain = LayerSpec(attention_scale=1 / math.sqrt(config.head_dim))
    freely = {"window": None, "qkv_bias": False, "output_bias": False, "mlp_bias": False}
    top = (config.embedding_multiplier, config.logits_multiplier, config.logits_softcap, config.norm_offset)
    rope = config.ropes[0]
    rotates = rope.partial_rotary_factor == 1 and rope.attention_factor == 1
    if set(config.in_every_layer(**freely).layers) != {plain} or top != (1, 1, None, 0) or not rotates:
        raise CheckpointError(f"A {config.model_type} model of this kind cannot be written as a GGUF file here.")


def tensor_bytes(file: Path) -> int:
    """Weight bytes read per token: all except an embedding table that is not also the output matrix."""
    sizes = {str(tensor.name): int(tensor.n_bytes) for tensor in gguf.GGUFReader(file).tensors}
    return sum(sizes.values()) - (sizes["token_embd.weight"] if "output.weight" in sizes else 0)


def _requantize(source: Path, target: Path) -> None:
    """Quantize to Q4_K_M, a mixture of formats that only llama.cpp implements."""
    # Imported late: not needed for the other formats.
    from inference.bench.llama_library import llama_cpp

    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_M
    if llama_cpp.llama_model_quantize(os.fsencode(source), os.fsencode(target), params):
        raise CheckpointError(f"llama.cpp could not quantize {source} to Q4_K_M. Omit int4.")


def _write(weights: Weights, config: ModelConfig, kind: Kind, path: Path) -> None:
    writer = gguf.GGUFWriter(path, "llama")
    _describe(writer, config)
    tensors = [(stored_name(name), name, _kind(name, weights.info(name).shape, kind)) for name in weights]
    for stored, name, held in tensors:
        shape = weights.info(name).shape
        size = gguf.quant_shape_to_byte_shape(shape, held)
        writer.add_tensor_info(stored, size, np.dtype(np.uint8), int(np.prod(size)), raw_dtype=held)
    factors = rope_factors(config)
    if factors is not None:
        writer.add_tensor_info("rope_freqs.weight", factors.shape, factors.dtype, factors.nbytes)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for _, name, held in tensors:
        writer.write_tensor_data(_converted(reordered(weights.array(name)[:], name, config), held))
    if factors is not None:
        writer.write_tensor_data(factors)
    writer.close()


def _describe(writer: Any, config: ModelConfig) -> None:
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.ropes[0].rope_theta)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    # Only token ids and logits are used: a dummy vocabulary suffices.
    writer.add_tokenizer_model("no_vocab")


def stored_name(name: str) -> str:
    """``layers.3.q_proj.bias`` as ``blk.3.attn_q.bias``."""
    if name in TOP_NAMES:
        return f"{TOP_NAMES[name]}.weight"
    _, layer, part, *rest = name.split(".")
    return f"blk.{layer}.{LAYER_NAMES[part]}.{rest[0] if rest else 'weight'}"


def _kind(name: str, shape: tuple[int, ...], kind: Kind) -> Kind:
    if len(shape) == 1:
        return Kind.F32
    if name in AT_LEAST_INT8 and kind == Kind.Q4_0:
        kind = Kind.Q8_0
    # As llama.cpp's converter does for row lengths that are not a multiple of the group size.
    return kind if shape[-1] % gguf.GGML_QUANT_SIZES[kind][0] == 0 else Kind.F16


def reordered(stored: npt.NDArray[Any], name: str, config: ModelConfig) -> npt.NDArray[Any]:
    """Permute the rows of query and key projections for llama.cpp's rotary embedding.

    Hugging Face rotates the pairs (i, i + head_dim/2) of a head, llama.cpp the pairs (2i, 2i + 1).
    """
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    count = next((heads[part] for part in name.split(".") if part in heads), None)
    if count is None:
        return stored
    halves = stored.reshape(count, 2, config.head_dim // 2, *stored.shape[1:])
    return halves.swapaxes(1, 2).reshape(stored.shape)


def rope_factors(config: ModelConfig) -> Floats | None:
    """Divisors of the rotary frequencies, float32 [head_dim/2]; None for the default ones."""
    if config.ropes[0].rope_type == "default":
        return None
    exponents = np.arange(0, config.head_dim, 2, dtype=np.float64) / config.head_dim
    usual = config.ropes[0].rope_theta ** -exponents
    stretched = inverse_frequencies(config.ropes[0], config.head_dim, config.max_position_embeddings)
    return (usual / stretched).astype(np.float32)


def _converted(stored: npt.NDArray[Any], kind: Kind) -> npt.NDArray[np.uint8]:
    parts = [
        gguf.quantize(reference.widen(stored[start : start + ROWS_AT_A_TIME]), kind).view(np.uint8)
        for start in range(0, len(stored), ROWS_AT_A_TIME)
    ]
    return np.concatenate(parts)
