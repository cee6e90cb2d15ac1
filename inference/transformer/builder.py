"""Builds a transformer from a checkpoint, converting or packing its tensors to the precision."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import threadpoolctl

from inference.checkpoint.checkpoint import Checkpoint
from inference.checkpoint.config import Experts, LayerSpec, ModelConfig
from inference.checkpoint.weight_cache import Shelf
from inference.checkpoint.weights import Weights
from inference.errors import CheckpointError, UnsupportedModelError
from inference.kernels import reference
from inference.kernels.backend import Backend
from inference.kernels.layout import INT4, INT8, Packing
from inference.kernels.quantized_matrix import Form, QuantizedMatrix
from inference.kernels.reference import Floats
from inference.kernels.rows import Rows
from inference.system.cores import usable_cores, worthwhile_cores
from inference.transformer.attention import Attention
from inference.transformer.layers import ACTIVATIONS, GatedMLP, MixtureOfExperts, RMSNorm
from inference.transformer.linear import Embedding, Linear
from inference.transformer.numpy_transformer import Block, NumpyTransformer
from inference.transformer.rotary import rotary_embedding
from inference.transformer.transformer import Progress, Transformer

# The embedding and the output matrix take at least eight bits, for accuracy.
AT_LEAST_INT8 = ("embed_tokens", "lm_head")
PACKINGS = {"int8": INT8, "int4": INT4}


def require_supported(config: ModelConfig) -> None:
    """Raise UnsupportedModelError for what a config may say but no transformer computes yet."""
    for rope in config.ropes:
        size = rope.rotated(config.head_dim)
        if size % 2:
            raise UnsupportedModelError(
                f"The rotary embedding of this {config.model_type} model rotates {size} dimensions; pairs are needed."
            )


def build(
    checkpoint: Checkpoint,
    precision: str,
    backend: Backend,
    threads: int | None,
    progress: Progress,
    shelf: Shelf,
) -> Transformer:
    """Build the transformer for ``backend``. ``threads`` and ``progress``: see Model.load.

    Raises UnsupportedModelError before any weight is read.
    """
    config, weights = checkpoint.config, checkpoint.weights
    require_supported(config)
    load = Loader(checkpoint.path, weights, config.norm_offset, precision, backend, progress)
    layout = "tiled" if backend == "jit" else "plain"
    fingerprint = f"{checkpoint.fingerprint} {precision} {layout}"
    if precision in PACKINGS:
        load.quantize(shelf, matrix_stacks(weights, config, fused=backend == "jit"), fingerprint)
    if backend == "jit":
        transformer = _jit_transformer(load, config, fingerprint, threads)
    else:
        threadpoolctl.threadpool_limits(threads or usable_cores(), user_api="blas")
        transformer = _numpy_transformer(load, config, fingerprint)
    transformer.files = [*weights.files, *shelf.mapped]
    progress(weights.nbytes, weights.nbytes, "loading weights")
    return transformer


class Loader:
    """Reads tensors, reporting progress as it goes."""

    def __init__(
        self,
        source: Path,
        weights: Weights,
        norm_offset: float,
        precision: str,
        backend: Backend,
        progress: Progress,
    ) -> None:
        """``source`` is named in errors."""
        self.source = source
        self.weights = weights
        self.norm_offset = norm_offset
        self.precision = precision
        self.backend = backend
        self.stacked: dict[str, QuantizedMatrix] = {}  # by the names of their first matrices
        self.quantized: dict[str, QuantizedMatrix] = {}
        self._progress = progress
        self._done = 0

    def quantize(self, shelf: Shelf, stacks: list[tuple[str, ...]], key: str) -> None:
        """Pack the matrices, each stack as one under the name of its first, unless ``shelf`` has them already."""
        named = {names[0]: names for names in stacks}

        def pack(name: str) -> QuantizedMatrix:
            parts = [self.stored(part, "packing weights") for part in named[name]]
            packing = forms[name].packing
            matrix = QuantizedMatrix.pack(*parts, packing=packing, backend=self.backend, check=self.check)
            self._require_finite(matrix.finite, " or ".join(named[name]))
            self.release()
            return matrix

        forms = {name: form_of(self.weights, names, self.precision) for name, names in named.items()}
        self.stacked = shelf.matrices(forms, pack, key)
        for first, names in named.items():
            shapes = [self.weights.info(name).shape for name in names]
            self.quantized |= zip(names, self.stacked[first].parts(shapes), strict=True)

    def stored(self, name: str, what: str = "loading weights") -> Rows:
        """Return the tensor as stored, and report progress."""
        self._progress(self._done, self.weights.nbytes, what)
        # Matrices are packed again if saving them failed half-way.
        self._done = min(self._done + self.weights.info(name).nbytes, self.weights.nbytes)
        return self.weights.array(name)

    def release(self) -> None:
        """Give the pages back that were read of the files: a large model would fill the memory twice."""
        for file in self.weights.files:
            file.release()

    def check(self) -> None:
        """Raise CheckpointError if a file is changed while it is read, which takes minutes for a large model."""
        for file in self.weights.files:
            file.check()

    def norm(self, name: str) -> Floats | None:
        """Return the weights of a norm, or None if the model has none of this name."""
        if name not in self.weights:
            return None
        weight = self.exact(name)
        return weight + np.float32(self.norm_offset) if self.norm_offset else weight

    def bias(self, name: str) -> Floats | None:
        """Return the bias of a matrix, or None if it has none."""
        return self.exact(f"{name}.bias") if f"{name}.bias" in self.weights else None

    def exact(self, name: str) -> Floats:
        """Return a tensor that is float32 in every precision. Raises CheckpointError if it has NaN or infinity."""
        values = reference.widen(self.stored(name)[:])
        self._require_finite(bool(np.isfinite(values).all()), name)
        return values

    def linear(self, name: str) -> Linear:
        """Return a matrix in the precision; still memory-mapped if it is stored in it."""
        if name in self.quantized:
            return Linear(self.quantized[name], self.bias(name))
        return Linear(reference.narrow(self.stored(name)[:], self.precision), self.bias(name))

    def _require_finite(self, finite: bool, name: str) -> None:
        if not finite:
            raise CheckpointError(
                f"{self.source}: {name} has weights that are NaN or infinite; "
                "the file is damaged, or its makers' training failed. Download it again or take another model."
            )


def form_of(weights: Weights, names: Sequence[str], precision: str) -> Form:
    """Return the form of matrices stacked in int8 or int4; int8 if they are not packed alike."""
    packings = {_packing(weights, name, precision) for name in names}
    packing = packings.pop() if len(packings) == 1 else INT8
    return Form.stacked([weights.info(name).shape for name in names], packing)


def _packing(weights: Weights, name: str, precision: str) -> Packing:
    """In int4, weights that are quantized to four bits keep their integers, and others among them stay above that."""
    if precision == "int4" == weights.precision:
        return weights.packing(name) or INT8
    return INT8 if name in AT_LEAST_INT8 else PACKINGS[precision]


def matrix_stacks(weights: Weights, config: ModelConfig, fused: bool) -> list[tuple[str, ...]]:
    """Return the names of all multiplied matrices; those that ``fused`` layers read at once are grouped."""
    together = [names for layer, spec in enumerate(config.layers) for names in _together(f"layers.{layer}", spec)]
    stacks = together if fused else [(name,) for names in together for name in names]
    return [*stacks, ("embed_tokens" if weights.tied else "lm_head",)]


def _together(prefix: str, layer: LayerSpec) -> list[tuple[str, ...]]:
    """Return the names of a layer's matrices in groups: those with the same inputs, and of all experts."""
    mlps = [prefix] if layer.experts is None else [f"{prefix}.experts.{index}" for index in range(layer.experts.count)]
    return [
        (f"{prefix}.q_proj", f"{prefix}.k_proj", f"{prefix}.v_proj"),
        (f"{prefix}.o_proj",),
        tuple(f"{mlp}.{name}_proj" for mlp in mlps for name in ("gate", "up")),
        tuple(f"{mlp}.down_proj" for mlp in mlps),
    ]


def _numpy_transformer(load: Loader, config: ModelConfig, fingerprint: str) -> Transformer:
    def norm(name: str) -> RMSNorm | None:
        weight = load.norm(name)
        return None if weight is None else RMSNorm(weight, config.rms_norm_eps)

    def mlp(prefix: str, layer: LayerSpec) -> GatedMLP:
        gate, up, down = (load.linear(f"{prefix}.{name}_proj") for name in ("gate", "up", "down"))
        return GatedMLP(gate, up, down, ACTIVATIONS[layer.activation])

    def mixture(prefix: str, layer: LayerSpec, experts: Experts) -> MixtureOfExperts:
        mlps = tuple(mlp(f"{prefix}.experts.{index}", layer) for index in range(experts.count))
        router = Linear(load.exact(f"{prefix}.router"))
        return MixtureOfExperts(router, mlps, experts.per_token, experts.normalize)

    def block(index: int, layer: LayerSpec) -> Block:
        prefix = f"layers.{index}"
        attention = Attention(
            layer=index,
            query=load.linear(f"{prefix}.q_proj"),
            key=load.linear(f"{prefix}.k_proj"),
            value=load.linear(f"{prefix}.v_proj"),
            output=load.linear(f"{prefix}.o_proj"),
            query_norm=norm(f"{prefix}.query_norm"),
            key_norm=norm(f"{prefix}.key_norm"),
            rotate=rotary_embedding(config, layer),
            num_key_value_heads=config.num_key_value_heads,
            head_dim=config.head_dim,
            scale=layer.attention_scale,
            softcap=layer.attention_softcap,
            window=layer.window,
        )
        return Block(
            attention_norm=norm(f"{prefix}.attention_norm"),
            attention=attention,
            post_attention_norm=norm(f"{prefix}.post_attention_norm"),
            mlp_norm=norm(f"{prefix}.mlp_norm"),
            mlp=mlp(prefix, layer) if layer.experts is None else mixture(prefix, layer, layer.experts),
            post_mlp_norm=norm(f"{prefix}.post_mlp_norm"),
            residual_multiplier=layer.residual_multiplier,
        )

    blocks = tuple(block(index, layer) for index, layer in enumerate(config.layers))
    lm_head = load.linear("embed_tokens" if load.weights.tied else "lm_head")
    last_norm = norm("norm")
    assert last_norm is not None
    return NumpyTransformer(config, fingerprint, _embedding(load), blocks, last_norm, lm_head)


def _jit_transformer(load: Loader, config: ModelConfig, fingerprint: str, threads: int | None) -> Transformer:
    # Imported late: numba takes a second to import, which only the jit backend needs.
    from inference.kernels.jit.block import BlockWeights
    from inference.kernels.packed_matrix import PackedMatrix
    from inference.transformer.jit_transformer import JitTransformer, matrix_bytes, padded_vector

    def packed(*names: str) -> PackedMatrix:
        biases = [load.bias(name) for name in names]
        if names[0] in load.stacked:
            outputs = [load.weights.info(name).shape[0] for name in names]
            return PackedMatrix.quantized(load.stacked[names[0]], outputs, biases)
        matrix = PackedMatrix.pack([load.stored(name) for name in names], biases, load.precision, load.check)
        load.release()
        return matrix

    def norm(name: str) -> Floats:
        weight = load.norm(name)
        return np.zeros(0, np.float32) if weight is None else padded_vector(weight)

    def head_norm(name: str) -> Floats:
        weight = load.norm(name)
        return np.zeros(0, np.float32) if weight is None else np.ascontiguousarray(weight)

    def router(prefix: str, layer: LayerSpec) -> PackedMatrix:
        if layer.experts is None:
            return PackedMatrix.absent()
        return PackedMatrix.pack([load.exact(f"{prefix}.router")], [None], "float32")

    def block(index: int, layer: LayerSpec) -> BlockWeights:
        prefix = f"layers.{index}"
        qkv, output, gate_up, down = (packed(*names) for names in _together(prefix, layer))
        return BlockWeights(
            attention_norm=norm(f"{prefix}.attention_norm"),
            qkv=qkv,
            query_norm=head_norm(f"{prefix}.query_norm"),
            key_norm=head_norm(f"{prefix}.key_norm"),
            output=output,
            post_attention_norm=norm(f"{prefix}.post_attention_norm"),
            mlp_norm=norm(f"{prefix}.mlp_norm"),
            router=router(prefix, layer),
            gate_up=gate_up,
            down=down,
            post_mlp_norm=norm(f"{prefix}.post_mlp_norm"),
        )

    blocks = tuple(block(index, layer) for index, layer in enumerate(config.layers))
    head = packed("embed_tokens" if load.weights.tied else "lm_head")
    threads = threads or worthwhile_cores(head.weights.nbytes + sum(map(matrix_bytes, blocks)))
    return JitTransformer(
        *(config, fingerprint, _embedding(load), blocks, norm("norm"), head, threads),
        lambda: _numpy_transformer(load, config, fingerprint),
    )


def _embedding(load: Loader) -> Embedding:
    """Return the embedding as stored, whatever the precision.

    Packing does not speed up the lookup of single rows, and the inputs are not rounded.
    """
    return Embedding(load.weights.array("embed_tokens"))
