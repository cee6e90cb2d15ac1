"""The tensors of safetensors files by canonical name, their shapes checked against the config."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy.typing as npt

from inference.checkpoint.config import ModelConfig
from inference.checkpoint.families.base import Family
from inference.checkpoint.foreign_formats import missing_weights, refuse_tensors
from inference.checkpoint.safetensors_file import SafetensorsFile, TensorInfo
from inference.checkpoint.weights import Shape, expected_tensors
from inference.errors import CheckpointError, UnsupportedModelError
from inference.system.json_file import read_json

# A tensor's file, and its name there.
_Stored = tuple[SafetensorsFile, str]
SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"


@dataclass(frozen=True)
class _Place:
    """Location of a tensor: rows of a stored tensor from ``row`` on, in one of the files."""

    file: SafetensorsFile
    stored_name: str
    row: int
    shape: Shape


class SafetensorsWeights:
    """Weights whose every tensor is known, present and of the right shape.

    Raises CheckpointError for a missing, unexpected or misshapen tensor, UnsupportedModelError for an exotic dtype.
    """

    def __init__(self, files: Sequence[SafetensorsFile], family: Family, config: ModelConfig, source: Path) -> None:
        """``source`` is named in errors."""
        self.files = list(files)
        self._source = source
        stored = self._stored(family)
        top = dict(family.top_tensors)
        # What is there outranks the flag. Tied, the one matrix may be stored under either name.
        self.tied = config.tie_word_embeddings is not False and not {top["embed_tokens"], top["lm_head"]} <= set(stored)
        if self.tied and top["lm_head"] in stored:
            top["embed_tokens"] = top["lm_head"]
        stacks: dict[str, list[tuple[str, Shape]]] = {}
        for name, stored_name, shape in expected_tensors(family, config, top, self.tied):
            stacks.setdefault(stored_name, []).append((name, shape))
        found = {name: file.tensors[own].dtype for name, (file, own) in stored.items()}
        refuse_tensors(found, stacks, source)
        self._places: dict[str, _Place] = {}
        for stored_name, parts in stacks.items():
            rows = sum(shape[0] for _, shape in parts)
            file, own_name = self._check(stored, stored_name, (rows, *parts[0][1][1:]))
            row = 0
            for name, shape in parts:
                self._places[name] = _Place(file, own_name, row, shape)
                row += shape[0]
        unexpected = sorted(name for name in set(stored) - set(stacks) if not name.endswith("rotary_emb.inv_freq"))
        if unexpected:
            raise CheckpointError(
                f"{source}: unexpected tensor {unexpected[0][:80]!r} for a {config.model_type} model "
                "with this config.json."
            )

    @cached_property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(math.prod(place.shape) for place in self._places.values())

    @cached_property
    def precision(self) -> str:
        """The precision that holds every weight exactly: float32, or float16 or bfloat16 if all are stored so."""
        stored = {self.info(name).dtype for name in self}
        return {"F16": "float16", "BF16": "bfloat16"}.get(stored.pop(), "float32") if len(stored) == 1 else "float32"

    @cached_property
    def nbytes(self) -> int:
        """Bytes of all tensors as stored."""
        return sum(self.info(name).nbytes for name in self)

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def info(self, name: str) -> TensorInfo:
        """Return a tensor's dtype, shape and place in its file."""
        place = self._places[name]
        whole = place.file.tensors[place.stored_name]
        row_bytes = whole.nbytes // math.prod(whole.shape) * math.prod(place.shape[1:])
        start = whole.start + place.row * row_bytes
        return TensorInfo(whole.dtype, place.shape, start, start + place.shape[0] * row_bytes)

    def packing(self, name: str) -> None:
        """Return None: nothing is quantized."""

    def array(self, name: str) -> npt.NDArray[Any]:
        """Return a view of the tensor as stored: float32, float16, or bfloat16 as uint16; memory-mapped."""
        place = self._places[name]
        rows = place.file.array(place.stored_name)
        # All experts' matrices in one tensor are a stack of stacks.
        rows = rows.reshape(-1, rows.shape[-1]) if rows.ndim == 3 else rows
        return rows[place.row : place.row + place.shape[0]]

    def _stored(self, family: Family) -> dict[str, _Stored]:
        """Return the tensors by their names in a model of text only, each with its file and its own name."""
        stored: dict[str, _Stored] = {}
        for file in self.files:
            for own_name in file.tensors:
                name = family.text_name(own_name)
                if name is not None:
                    stored[name] = file, own_name
        return stored

    def _check(self, stored: dict[str, _Stored], name: str, shape: Shape) -> _Stored:
        """Return the place of a tensor of this shape."""
        if name not in stored:
            raise CheckpointError(f"{self._source}: the tensor {name} is missing; the checkpoint is incomplete.")
        file, own_name = stored[name]
        info = file.tensors[own_name]
        whole = (info.shape[0] * info.shape[1], info.shape[2]) if len(info.shape) == 3 else info.shape
        if whole != shape:
            raise CheckpointError(
                f"{self._source}: the tensor {name} has shape {list(info.shape)}; config.json asks for {list(shape)}."
            )
        if info.dtype not in ("F32", "F16", "BF16"):
            raise UnsupportedModelError(
                f"{self._source}: the tensor {name} is stored as {info.dtype}; only F32, F16 and BF16 are supported."
            )
        return file, own_name


def open_tensor_files(directory: Path) -> list[SafetensorsFile]:
    """Open the safetensors files of a model directory, single or sharded."""
    if (directory / SINGLE).exists():
        return [SafetensorsFile(directory / SINGLE)]
    if not (directory / INDEX).exists():
        raise missing_weights(directory)
    weight_map = read_index(directory)
    files = {name: SafetensorsFile(directory / name) for name in sorted(set(weight_map.values()))}
    for tensor, name in weight_map.items():
        if tensor not in files[name].tensors:
            raise CheckpointError(f"{directory / name} is missing tensor {tensor[:80]} listed in the index.")
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
        raise CheckpointError(f"{directory / INDEX} names a file outside the model directory.")
    return names
