"""The tensors of a checkpoint, whatever files they are in."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy.typing as npt

from inference.checkpoint.config import LayerSpec, ModelConfig

Shape = tuple[int, ...]


class MappedFile(Protocol):
    """A file that arrays are memory-mapped from."""

    def check(self) -> None:
        """Raise CheckpointError if the file has been changed since it was opened."""


class TensorMetadata(Protocol):
    """A tensor before it is read: its shape and its bytes as stored. Matrices are [outputs, inputs]."""

    @property
    def shape(self) -> Shape: ...
    @property
    def nbytes(self) -> int: ...


class Weights(Protocol):
    """A checkpoint's tensors by canonical name, checked against its config; nothing is read before it is asked for.

    Args:
        files: The files that arrays are mapped from.
        tied: The embedding is the output matrix as well; then there is no ``lm_head``.
        parameters: Number of weights.
        precision: The precision that holds every weight exactly: float32, float16 or bfloat16.
        nbytes: Bytes of all tensors as stored.
    """

    @property
    def files(self) -> Sequence[MappedFile]: ...
    @property
    def tied(self) -> bool: ...
    @property
    def parameters(self) -> int: ...
    @property
    def precision(self) -> str: ...
    @property
    def nbytes(self) -> int: ...

    def __contains__(self, name: str) -> bool: ...
    def __iter__(self) -> Iterator[str]: ...

    def info(self, name: str) -> TensorMetadata:
        """Return a tensor's shape and size."""

    def array(self, name: str) -> npt.NDArray[Any]:
        """Return the tensor read-only: float32, float16, or bfloat16 as uint16. Raises CheckpointError."""


def layer_shapes(config: ModelConfig, spec: LayerSpec) -> dict[str, Shape]:
    """Return the shapes of a layer's tensors by canonical name; matrices are [outputs, inputs]."""
    hidden, ffn, head_dim = config.hidden_size, config.intermediate_size, config.head_dim
    queries, keys = config.num_attention_heads * head_dim, config.num_key_value_heads * head_dim
    attention = {"q_proj": (queries, hidden), "k_proj": (keys, hidden), "v_proj": (keys, hidden)}
    output = {"o_proj": (hidden, queries)}
    mlp = {"gate_proj": (ffn, hidden), "up_proj": (ffn, hidden), "down_proj": (hidden, ffn)}
    shapes: dict[str, Shape] = {**attention, **output, **mlp}
    for matrices, biased in ((attention, spec.qkv_bias), (output, spec.output_bias), (mlp, spec.mlp_bias)):
        shapes |= {f"{name}.bias": shape[:1] for name, shape in matrices.items() if biased}
    if spec.pre_norms:
        shapes |= {"attention_norm": (hidden,), "mlp_norm": (hidden,)}
    if spec.post_norms:
        shapes |= {"post_attention_norm": (hidden,), "post_mlp_norm": (hidden,)}
    if spec.qk_norm is not None:
        per_head = spec.qk_norm == "head"
        shapes |= {"query_norm": (head_dim if per_head else queries,), "key_norm": (head_dim if per_head else keys,)}
    return shapes
