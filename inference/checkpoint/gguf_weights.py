"""The tensors of GGUF files by canonical name, their shapes checked against the config."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gguf.constants import GGMLQuantizationType as Kind

from inference.checkpoint.config import ModelConfig
from inference.checkpoint.families.base import Family
from inference.checkpoint.gguf_architectures import ROPE_TENSORS
from inference.checkpoint.gguf_file import GGUFFile
from inference.checkpoint.gguf_rows import QuantizedRows
from inference.checkpoint.weights import Shape, expected_tensors
from inference.errors import CheckpointError, UnsupportedModelError
from inference.kernels.layout import INT4_MINIMUMS, Packing
from inference.kernels.rows import Rows

# bfloat16 as the uint16 words it is stored in.
FLOATS: dict[Kind, np.dtype[Any]] = {Kind.F32: np.dtype("<f4"), Kind.F16: np.dtype("<f2"), Kind.BF16: np.dtype("<u2")}
PRECISIONS = {Kind.F32: "float32", Kind.F16: "float16", Kind.BF16: "bfloat16"}
FOUR_BITS = (Kind.Q4_0, Kind.Q4_1, Kind.Q4_K)
EIGHT_BITS = (Kind.Q8_0, Kind.Q5_0, Kind.Q5_1, Kind.Q5_K, Kind.Q6_K, Kind.IQ4_NL)
SUPPORTED = (*FLOATS, *FOUR_BITS, *EIGHT_BITS)


@dataclass(frozen=True)
class GGUFInfo:
    """Metadata of a tensor."""

    kind: Kind
    shape: Shape
    nbytes: int


@dataclass(frozen=True)
class _Place:
    """Location of a tensor: rows of a stored tensor from ``row`` on, in one of the files."""

    file: GGUFFile
    stored_name: str
    row: int
    info: GGUFInfo
    heads: int | None


class GGUFWeights:
    """Weights whose every tensor is known, present and of the right shape.

    Raises CheckpointError for a missing, unexpected or misshapen tensor, UnsupportedModelError for a type of tensors
    that this engine does not know.
    """

    def __init__(
        self, files: Sequence[GGUFFile], family: Family, config: ModelConfig, interleaved: bool, source: Path
    ) -> None:
        """``interleaved``: see Architecture. ``source`` is named in errors."""
        self.files = list(files)
        self._source = source
        self._config = config
        stored = {name: file for file in self.files for name in file.tensors}
        self.tied = family.top_tensors["lm_head"] not in stored
        stacks: dict[str, list[tuple[str, Shape]]] = {}
        for name, stored_name, shape in expected_tensors(family, config, family.top_tensors, self.tied):
            stacks.setdefault(stored_name, []).append((name, shape))
        heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads} if interleaved else {}
        self._places: dict[str, _Place] = {}
        for stored_name, parts in stacks.items():
            whole = (sum(shape[0] for _, shape in parts), *parts[0][1][1:])
            file = self._check(stored, stored_name, whole)
            tensor, row = file.tensors[stored_name], 0
            for name, shape in parts:
                info = GGUFInfo(tensor.kind, shape, tensor.nbytes * shape[0] // whole[0])
                part = name.removesuffix(".bias").rpartition(".")[2]
                self._places[name] = _Place(file, stored_name, row, info, heads.get(part))
                row += shape[0]
        unexpected = sorted(set(stored) - set(stacks) - set(ROPE_TENSORS))
        if unexpected:
            raise CheckpointError(
                f"{source}: unexpected tensor {unexpected[0][:80]!r} "
                f"for a {config.model_type} model with this metadata."
            )

    @cached_property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(math.prod(place.info.shape) for place in self._places.values())

    @cached_property
    def precision(self) -> str:
        """The precision that holds every matrix exactly or, if they are quantized, next to exactly."""
        kinds = {place.info.kind for place in self._places.values() if len(place.info.shape) > 1}
        if kinds.isdisjoint((*FOUR_BITS, *EIGHT_BITS)):
            return PRECISIONS[kinds.pop()] if len(kinds) == 1 else "float32"
        return "int8" if kinds.isdisjoint(FOUR_BITS) else "int4"

    @cached_property
    def nbytes(self) -> int:
        """Bytes of all tensors as stored."""
        return sum(place.info.nbytes for place in self._places.values())

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def info(self, name: str) -> GGUFInfo:
        """Return a tensor's type, shape and size."""
        return self._places[name].info

    def packing(self, name: str) -> Packing | None:
        """Return how the integers of a matrix are kept; see Weights."""
        return INT4_MINIMUMS if self._places[name].info.kind in FOUR_BITS else None

    def array(self, name: str) -> Rows:
        """Return a view of a tensor of floats as stored, bfloat16 as uint16; the rows of a quantized one."""
        place = self._places[name]
        rows, info = place.file.rows(place.stored_name), place.info
        if len(info.shape) == 1:
            vector: npt.NDArray[Any] = rows.view(FLOATS[info.kind])[0, place.row : place.row + info.shape[0]]
            return vector if place.heads is None else vector[self._halves(place.heads)]
        rows = rows[place.row : place.row + info.shape[0]]
        order = None if place.heads is None else self._halves(place.heads)
        if info.kind not in FLOATS:
            return QuantizedRows(rows, info.kind, info.shape, order)
        matrix: npt.NDArray[Any] = (rows if order is None else rows[order]).view(FLOATS[info.kind])
        return matrix

    def _halves(self, heads: int) -> npt.NDArray[np.int64]:
        """Return the places of rows that are rotated in pairs of neighbors, in the order of pairs of halves."""
        size = self._config.head_dim
        return np.arange(heads * size).reshape(heads, size // 2, 2).swapaxes(1, 2).ravel()

    def _check(self, stored: dict[str, GGUFFile], name: str, shape: Shape) -> GGUFFile:
        """Return the file that holds a tensor of this shape."""
        if name not in stored:
            raise CheckpointError(f"{self._source}: the tensor {name} is missing; the checkpoint is incomplete.")
        tensor = stored[name].tensors[name]
        whole = (math.prod(tensor.shape[:-1]), tensor.shape[-1]) if len(tensor.shape) == 3 else tensor.shape
        if whole != shape:
            raise CheckpointError(
                f"{self._source}: the tensor {name} has shape {list(tensor.shape)}; "
                f"its metadata asks for {list(shape)}."
            )
        if tensor.kind not in (SUPPORTED if len(shape) > 1 else FLOATS):
            raise UnsupportedModelError(
                f"{self._source}: the tensor {name} is stored as {tensor.kind.name}; "
                f"supported are {', '.join(kind.name for kind in SUPPORTED)}."
            )
        return stored[name]
