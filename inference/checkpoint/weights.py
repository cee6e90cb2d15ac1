"""The tensors of a checkpoint, whatever files they are in."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from inference.checkpoint.config import LayerSpec, ModelConfig
from inference.checkpoint.families.base import Family
from inference.kernels.layout import Packing
from inference.kernels.rows import Rows

Shape = tuple[int, ...]


class MappedFile(Protocol):
    """A file that arrays are memory-mapped from."""

    def check(self) -> None:
        """Raise CheckpointError if the file has been changed since it was opened."""

    def release(self) -> None:
        """Give back the memory of what was read; arrays stay valid and are read again."""


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
        precision: The precision that holds every weight exactly: float32, float16 or bfloat16; for quantized weights
            int8 or int4, which loses next to nothing of them.
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

    def packing(self, name: str) -> Packing | None:
        """Return how the integers of a matrix that is quantized to four bits are kept; None for any other.

        With minimums the matrix is GroupedRows.
        """

    def array(self, name: str) -> Rows:
        """Return the tensor read-only: float32, float16, or bfloat16 as uint16. Raises CheckpointError.

        A vector is an array, a matrix an array or rows that are dequantized to float32.
        """


def layer_shapes(config: ModelConfig, spec: LayerSpec) -> dict[str, Shape]:
    """Return the shapes of a layer's tensors by canonical name; matrices are [outputs, inputs]."""
    hidden, ffn, head_dim = config.hidden_size, config.intermediate_size, config.head_dim
    queries, keys = config.num_attention_heads * head_dim, config.num_key_value_heads * head_dim
    attention = {"q_proj": (queries, hidden), "k_proj": (keys, hidden), "v_proj": (keys, hidden)}
    output = {"o_proj": (hidden, queries)}
    mlp = _mlp_shapes(hidden, ffn) if spec.experts is None else {}
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
    if spec.experts is not None:
        shapes["router"] = (spec.experts.count, hidden)
        matrices = _mlp_shapes(hidden, spec.experts.intermediate_size)
        for expert in range(spec.experts.count):
            shapes |= {f"experts.{expert}.{name}": shape for name, shape in matrices.items()}
    return shapes


def _mlp_shapes(hidden: int, ffn: int) -> dict[str, Shape]:
    return {"gate_proj": (ffn, hidden), "up_proj": (ffn, hidden), "down_proj": (hidden, ffn)}


def expected_tensors(
    family: Family, config: ModelConfig, top: Mapping[str, str], tied: bool
) -> Iterator[tuple[str, str, Shape]]:
    """Yield canonical name, stored name and shape: ``embed_tokens``, ``layers.3.q_proj``, ``layers.3.q_proj.bias``…"""
    vocabulary = (config.vocab_size, config.hidden_size)
    yield "embed_tokens", top["embed_tokens"], vocabulary
    if not tied:
        yield "lm_head", top["lm_head"], vocabulary
    yield "norm", top["norm"], (config.hidden_size,)
    for layer, spec in enumerate(config.layers):
        shapes = layer_shapes(config, spec)
        # In the family's order, which is that of stacked tensors.
        for name, stored_name in _layer_tensors(family, layer, 0 if spec.experts is None else spec.experts.count):
            if name in shapes:
                yield f"layers.{layer}.{name}", stored_name, shapes[name]
            if f"{name}.bias" in shapes:
                bias = stored_name.removesuffix("weight") + "bias"
                yield f"layers.{layer}.{name}.bias", bias, shapes[f"{name}.bias"]


def _layer_tensors(family: Family, layer: int, experts: int) -> Iterator[tuple[str, str]]:
    """Yield canonical and stored names of all tensors that a layer with so many experts can have."""
    of_experts = {name: pattern for name, pattern in family.layer_tensors.items() if name.startswith("experts.")}
    for name, pattern in family.layer_tensors.items():
        if name not in of_experts:
            yield name, pattern.format(layer=layer)
    for expert in range(experts):
        for name, pattern in of_experts.items():
            yield name.replace("experts", f"experts.{expert}"), pattern.format(layer=layer, expert=expert)
