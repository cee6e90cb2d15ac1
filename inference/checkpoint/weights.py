"""The tensors of a checkpoint, single or sharded, by canonical name, with their shapes checked against the config."""

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy.typing as npt

from inference.checkpoint.config import ModelConfig
from inference.checkpoint.families.base import Family
from inference.checkpoint.safetensors_file import SafetensorsFile, TensorInfo
from inference.errors import CheckpointError, UnsupportedModelError
from inference.system.json_file import MAX_JSON_BYTES, read_json
from inference.system.regular_file import read_bytes

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"


class Weights:
    """A checkpoint whose every tensor is known, present and of the right shape; nothing is read until it is asked for.

    Raises CheckpointError for a missing, unexpected or misshapen tensor, UnsupportedModelError for an exotic dtype.
    """

    def __init__(self, directory: Path, family: Family, config: ModelConfig) -> None:
        self.directory = directory
        self._files = _open_files(directory)
        stored = {name: file for file in self._files for name in file.tensors}
        top = dict(family.top_tensors)
        # What is there outranks the flag. Tied, the one matrix may be stored under either name.
        self.tied = config.tie_word_embeddings is not False and not {top["embed_tokens"], top["lm_head"]} <= set(stored)
        if self.tied:
            head = top.pop("lm_head")
            top["embed_tokens"] = head if head in stored else top["embed_tokens"]
        self._names = dict(_expected(family, config, top))
        shapes = {name: _shape(name.rsplit(".", 2), config) for name in self._names}
        for name, stored_name in self._names.items():
            self._check(stored, stored_name, shapes[name])
        unexpected = sorted(set(stored) - set(self._names.values()))
        unexpected = [name for name in unexpected if not name.endswith("rotary_emb.inv_freq")]
        if unexpected:
            raise CheckpointError(
                f"{directory}: the tensor {unexpected[0][:80]!r} does not belong to a {config.model_type} model "
                "of this config.json; the result would be wrong without it."
            )
        self._stored = stored

    @property
    def files(self) -> list[SafetensorsFile]:
        return list(self._files)

    @property
    def parameters(self) -> int:
        return sum(math.prod(self.info(name).shape) for name in self._names)

    @property
    def precision(self) -> str:
        """What holds every weight exactly: float32, or float16 or bfloat16 where all of them are stored so."""
        stored = {self.info(name).dtype for name in self._names}
        return {"F16": "float16", "BF16": "bfloat16"}.get(stored.pop(), "float32") if len(stored) == 1 else "float32"

    @property
    def nbytes(self) -> int:
        return sum(self.info(name).nbytes for name in self._names)

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def info(self, name: str) -> TensorInfo:
        stored_name = self._names[name]
        return self._stored[stored_name].tensors[stored_name]

    def fingerprint(self) -> str:
        """Tells checkpoints apart by ``config.json``, every header and samples of the data, in milliseconds."""
        digest = hashlib.sha256(read_bytes(self.directory / "config.json", MAX_JSON_BYTES))
        for file in self._files:
            for part in file.samples():
                digest.update(part)
        return digest.hexdigest()

    def array(self, name: str) -> npt.NDArray[Any]:
        """The tensor as stored: float32, float16, or bfloat16 as uint16 words; a view of the mapped file."""
        stored_name = self._names[name]
        return self._stored[stored_name].array(stored_name)

    def _check(self, stored: dict[str, SafetensorsFile], name: str, shape: tuple[int, ...]) -> None:
        if name not in stored:
            raise CheckpointError(f"{self.directory}: the tensor {name} is missing; the checkpoint is incomplete.")
        info = stored[name].tensors[name]
        if info.shape != shape:
            raise CheckpointError(
                f"{self.directory}: the tensor {name} has shape {list(info.shape)}; config.json asks for {list(shape)}."
            )
        if info.dtype not in ("F32", "F16", "BF16"):
            raise UnsupportedModelError(
                f"{self.directory}: the tensor {name} is stored as {info.dtype}; only F32, F16 and BF16 are supported."
            )


def _open_files(directory: Path) -> list[SafetensorsFile]:
    if (directory / SINGLE).exists():
        return [SafetensorsFile(directory / SINGLE)]
    if not (directory / INDEX).exists():
        pickled = any(directory.glob("*.bin")) or any(directory.glob("*.pth"))
        hint = (
            "its weights are pickled, which could run code: take a safetensors version"
            if pickled
            else "download all of its files"
        )
        raise CheckpointError(f"{directory} holds no {SINGLE}; {hint}.")
    weight_map = read_index(directory)
    files = {name: SafetensorsFile(directory / name) for name in sorted(set(weight_map.values()))}
    for tensor, name in weight_map.items():
        if tensor not in files[name].tensors:
            raise CheckpointError(f"{directory / name} lacks the tensor {tensor[:80]}, which the index promises.")
    if sum(len(file.tensors) for file in files.values()) != len(weight_map):
        raise CheckpointError(f"{directory / INDEX} does not list every tensor of its files exactly once.")
    return list(files.values())


def read_index(directory: Path) -> dict[str, str]:
    """Which file of a sharded checkpoint holds which tensor. Raises CheckpointError for an index not to be trusted."""
    weight_map = read_json(directory / INDEX).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(f"{directory / INDEX} has no weight_map; download it again.")
    names = {tensor: str(name) for tensor, name in weight_map.items()}
    if any(Path(name).name != name or not name.endswith(".safetensors") for name in names.values()):
        raise CheckpointError(f"{directory / INDEX} names a file outside the model directory; it is not to be trusted.")
    return names


def _expected(family: Family, config: ModelConfig, top: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Canonical and stored name of every tensor: ``embed_tokens``, ``layers.3.q_proj``, ``layers.3.q_proj.bias``…"""
    yield from top.items()
    biased = (("q_proj", "k_proj", "v_proj", "o_proj") if config.attention_bias else ()) + (
        ("gate_proj", "up_proj", "down_proj") if config.mlp_bias else ()
    )
    for layer in range(config.num_hidden_layers):
        for name, pattern in family.layer_tensors.items():
            stored_name = pattern.format(layer=layer)
            yield f"layers.{layer}.{name}", stored_name
            if name in biased:
                yield f"layers.{layer}.{name}.bias", stored_name.removesuffix("weight") + "bias"


def _shape(parts: list[str], config: ModelConfig) -> tuple[int, ...]:
    """The shape of a tensor from the last parts of its canonical name; matrices are [outputs, inputs]."""
    hidden, ffn = config.hidden_size, config.intermediate_size
    queries = config.num_attention_heads * config.head_dim
    keys = config.num_key_value_heads * config.head_dim
    matrices = {
        "embed_tokens": (config.vocab_size, hidden),
        "lm_head": (config.vocab_size, hidden),
        "q_proj": (queries, hidden),
        "k_proj": (keys, hidden),
        "v_proj": (keys, hidden),
        "o_proj": (hidden, queries),
        "gate_proj": (ffn, hidden),
        "up_proj": (ffn, hidden),
        "down_proj": (hidden, ffn),
    }
    if parts[-1] == "bias":
        return matrices[parts[-2]][:1]
    return matrices.get(parts[-1], (hidden,))
