"""Random checkpoints with the shapes of well-known models, for benchmarks without downloads."""

import json
import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from inference.checkpoint.families.base import LAYER_TENSORS, TOP_TENSORS
from inference.checkpoint.families.llama import LLAMA
from inference.checkpoint.safetensors_weights import INDEX
from inference.errors import CheckpointError
from inference.system.atomic_write import atomic_write

# Longer than the originals, for measurements at large depths.
CONTEXT = 8192
SHAPES: dict[str, dict[str, Any]] = {
    # TinyLlama 1.1B
    "1.1b": {
        "hidden_size": 2048,
        "intermediate_size": 5632,
        "num_hidden_layers": 22,
        "num_attention_heads": 32,
        "num_key_value_heads": 4,
        "vocab_size": 32000,
        "rope_theta": 10000.0,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": False,
    },
    # SmolLM 135M
    "135m": {
        "hidden_size": 576,
        "intermediate_size": 1536,
        "num_hidden_layers": 30,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "vocab_size": 49152,
        "rope_theta": 10000.0,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": True,
    },
    # Qwen2.5 0.5B, without its biases
    "0.5b": {
        "hidden_size": 896,
        "intermediate_size": 4864,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
        "vocab_size": 151936,
        "rope_theta": 1000000.0,
        "rms_norm_eps": 1e-6,
        "tie_word_embeddings": True,
    },
}
Report = Callable[[str], None]


def random_checkpoint(shape: str, directory: Path, report: Report = lambda what: None) -> Path:
    """The model directory of ``shape``, one of SHAPES, below ``directory``; written the first time, in float16.

    ``report(what)`` hears of it. Raises CheckpointError where it cannot be written.
    """
    target = directory / f"random-{shape}"
    if (target / "config.json").is_file():
        return target
    report(f"writing random weights to {target}")
    try:
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        write_checkpoint(SHAPES[shape], target)
    except OSError as error:
        raise CheckpointError(f"Cannot write {target} ({error.strerror}). Free some disk space.") from None
    return target


def tensor_shapes(shape: dict[str, Any]) -> Iterator[dict[str, tuple[int, ...]]]:
    """Tensors (name and shape) of each file, as in a Llama checkpoint."""
    hidden, ffn, vocabulary = shape["hidden_size"], shape["intermediate_size"], shape["vocab_size"]
    keys = hidden // shape["num_attention_heads"] * shape["num_key_value_heads"]
    matrices = {"q_proj": (hidden, hidden), "k_proj": (keys, hidden), "v_proj": (keys, hidden)}
    matrices |= {"o_proj": (hidden, hidden), "gate_proj": (ffn, hidden), "up_proj": (ffn, hidden)}
    matrices |= {"down_proj": (hidden, ffn)}
    top = {"embed_tokens": (vocabulary, hidden), "norm": (hidden,)}
    if not shape["tie_word_embeddings"]:
        top["lm_head"] = (vocabulary, hidden)
    yield {TOP_TENSORS[name]: size for name, size in top.items()}
    for layer in range(shape["num_hidden_layers"]):
        yield {stored.format(layer=layer): matrices.get(name, (hidden,)) for name, stored in LAYER_TENSORS.items()}


def write_checkpoint(shape: dict[str, Any], directory: Path) -> None:
    """Write a Hugging Face directory with reproducible random float16 weights, one file per layer.

    config.json is written last and marks a complete directory.
    """
    config = {
        "architectures": [LLAMA.architecture],
        "model_type": LLAMA.model_type,
        "hidden_act": "silu",
        "max_position_embeddings": CONTEXT,
        "torch_dtype": "float16",
        **shape,
    }
    _bytes_tokenizer().save(str(directory / "tokenizer.json"))
    rng = np.random.default_rng(0)
    weight_map: dict[str, str] = {}
    for number, shapes in enumerate(tensor_shapes(shape)):
        file = f"model-{number:05d}.safetensors"
        save_file({name: _random(rng, shape) for name, shape in shapes.items()}, directory / file)
        weight_map |= dict.fromkeys(shapes, file)
    (directory / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    with atomic_write(directory / "config.json") as partial:
        partial.write_text(json.dumps(config, indent=1))


def _random(rng: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[np.float16]:
    """Norms are ones; matrices preserve the variance of activations, as trained ones do."""
    if len(shape) == 1:
        return np.ones(shape, np.float16)
    values = rng.standard_normal(shape, np.float32)
    values /= np.float32(math.sqrt(shape[1]))
    return values.astype(np.float16)


def _bytes_tokenizer() -> Tokenizer:
    """A byte-level tokenizer."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({token: number for number, token in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer
