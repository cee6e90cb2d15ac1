"""A checkpoint's tensors in their places, converted or packed where the precision asks for it."""

from typing import Any

import numpy.typing as npt
import threadpoolctl

from inference.checkpoint.config import ModelConfig
from inference.checkpoint.weight_cache import Shelf
from inference.checkpoint.weights import Weights
from inference.kernels import reference
from inference.kernels.backend import Backend
from inference.kernels.quantized_matrix import Form, QuantisedMatrix
from inference.kernels.reference import Floats
from inference.system.cores import usable_cores, worthwhile_cores
from inference.transformer.attention import Attention
from inference.transformer.layers import RMSNorm, RotaryEmbedding, SwiGLU
from inference.transformer.linear import Linear
from inference.transformer.transformer import Block, PlainTransformer, Progress, Transformer

# What a token goes in and out by is worth more than four bits.
AT_LEAST_INT8 = ("embed_tokens", "lm_head")
# The matrices of a layer that share their inputs.
FUSED: list[tuple[str, ...]] = [("q", "k", "v"), ("o",), ("gate", "up"), ("down",)]
BITS = {"int8": 8, "int4": 4}


def build(
    weights: Weights,
    config: ModelConfig,
    precision: str,
    backend: Backend,
    threads: int | None,
    progress: Progress,
    shelf: Shelf,
) -> Transformer:
    """Build the transformer for ``backend``. ``threads`` and ``progress``: see Model.load."""
    load = Loader(weights, precision, backend, progress)
    layout = "tiled" if backend == "jit" else "plain"
    fingerprint = f"{weights.fingerprint()} {precision} {layout}"
    if precision in BITS:
        load.quantise(shelf, _stacks(weights, config, fused=backend == "jit"), fingerprint)
    if backend == "jit":
        transformer = _fused(load, config, fingerprint, threads)
    else:
        threadpoolctl.threadpool_limits(threads or usable_cores(), user_api="blas")
        transformer = _plain(load, config, fingerprint)
    transformer.files = [*weights.files, *shelf.mapped]
    progress(weights.nbytes, weights.nbytes, "loading weights")
    return transformer


class Loader:
    """Reads tensors, reporting progress as it goes."""

    def __init__(self, weights: Weights, precision: str, backend: Backend, progress: Progress) -> None:
        self.weights = weights
        self.precision = precision
        self.backend = backend
        self.quantised: dict[str, QuantisedMatrix] = {}
        self._progress = progress
        self._done = 0

    def quantise(self, shelf: Shelf, stacks: list[tuple[str, ...]], key: str) -> None:
        """Pack the matrices, each stack as one under the name of its first, unless ``shelf`` has them already."""
        named = {names[0]: names for names in stacks}

        def pack(name: str) -> QuantisedMatrix:
            parts = [self.stored(part, "packing weights") for part in named[name]]
            return QuantisedMatrix.pack(*parts, bits=self._bits(name), backend=self.backend)

        forms = {
            name: Form.stacked([self.weights.info(part).shape for part in names], self._bits(name))
            for name, names in named.items()
        }
        self.quantised = shelf.matrices(forms, pack, key)

    def stored(self, name: str, what: str = "loading weights") -> npt.NDArray[Any]:
        """The tensor as it is in the file."""
        self._progress(self._done, self.weights.nbytes, what)
        # What could not be saved half-way is packed a second time.
        self._done = min(self._done + self.weights.info(name).nbytes, self.weights.nbytes)
        return self.weights.array(name)

    def vector(self, name: str) -> Floats:
        return reference.widen(self.stored(name))

    def bias(self, name: str) -> Floats | None:
        return self.vector(f"{name}.bias") if f"{name}.bias" in self.weights else None

    def linear(self, name: str) -> Linear:
        """A matrix in its precision; untouched, and so still mapped from its file, where it is that already."""
        if name in self.quantised:
            return Linear(self.quantised[name], self.bias(name))
        return Linear(reference.narrow(self.stored(name), self.precision), self.bias(name))

    def _bits(self, name: str) -> int:
        return 8 if name in AT_LEAST_INT8 else BITS[self.precision]


def _stacks(weights: Weights, config: ModelConfig, fused: bool) -> list[tuple[str, ...]]:
    """The names of all matrices that are multiplied with; those that the fused layers read at once stand together."""
    together = FUSED if fused else [(name,) for names in FUSED for name in names]
    layers = range(config.num_hidden_layers)
    stacks = [tuple(f"layers.{layer}.{name}_proj" for name in names) for layer in layers for names in together]
    return [*stacks, ("embed_tokens" if weights.tied else "lm_head",)]


def _plain(load: Loader, config: ModelConfig, fingerprint: str) -> Transformer:
    def norm(name: str) -> RMSNorm:
        return RMSNorm(load.vector(name), config.rms_norm_eps)

    rotate = RotaryEmbedding(config)
    blocks = []
    for layer in range(config.num_hidden_layers):
        prefix = f"layers.{layer}"
        attention = Attention(
            layer=layer,
            query=load.linear(f"{prefix}.q_proj"),
            key=load.linear(f"{prefix}.k_proj"),
            value=load.linear(f"{prefix}.v_proj"),
            output=load.linear(f"{prefix}.o_proj"),
            rotate=rotate,
            num_key_value_heads=config.num_key_value_heads,
            head_dim=config.head_dim,
            window=config.sliding_window[layer],
        )
        mlp = SwiGLU(*(load.linear(f"{prefix}.{name}_proj") for name in ("gate", "up", "down")))
        blocks.append(
            Block(norm(f"{prefix}.input_layernorm"), attention, norm(f"{prefix}.post_attention_layernorm"), mlp)
        )
    lm_head = load.linear("embed_tokens" if load.weights.tied else "lm_head")
    return PlainTransformer(config, fingerprint, _embedding(load), tuple(blocks), norm("norm"), lm_head)


def _fused(load: Loader, config: ModelConfig, fingerprint: str, threads: int | None) -> Transformer:
    # Imported late: compiling kernels is only worth its time where they are used.
    from inference.kernels.jit.block import BlockWeights
    from inference.kernels.packed_matrix import PackedMatrix
    from inference.transformer.jit_transformer import NONE, JitBlock, JitTransformer, padded_vector

    def packed(*names: str) -> PackedMatrix:
        biases = [load.bias(name) for name in names]
        if names[0] in load.quantised:
            outputs = [load.weights.info(name).shape[0] for name in names]
            return PackedMatrix.quantized(load.quantised[names[0]], outputs, biases)
        return PackedMatrix.pack([load.stored(name) for name in names], biases, load.precision)

    def norm(name: str) -> Floats:
        return padded_vector(load.vector(name))

    blocks = []
    for layer in range(config.num_hidden_layers):
        prefix = f"layers.{layer}"
        blocks.append(
            JitBlock(
                BlockWeights(
                    attention_norm=norm(f"{prefix}.input_layernorm"),
                    qkv=packed(*(f"{prefix}.{name}_proj" for name in "qkv")),
                    query_norm=NONE,
                    key_norm=NONE,
                    output=packed(f"{prefix}.o_proj"),
                    post_attention_norm=NONE,
                    mlp_norm=norm(f"{prefix}.post_attention_layernorm"),
                    gate_up=packed(*(f"{prefix}.{name}_proj" for name in ("gate", "up"))),
                    down=packed(f"{prefix}.down_proj"),
                    post_mlp_norm=NONE,
                ),
                window=config.sliding_window[layer],
            )
        )
    head = packed("embed_tokens" if load.weights.tied else "lm_head")
    size = head.weights.nbytes + sum(block.nbytes for block in blocks)
    threads = threads or worthwhile_cores(size)
    return JitTransformer(config, fingerprint, _embedding(load), tuple(blocks), norm("norm"), head, threads)


def _embedding(load: Loader) -> Linear:
    """In any precision as it is stored: a row at a time is looked up, which no packing makes faster, and what a token
    comes in by is not rounded.
    """
    return Linear(load.weights.array("embed_tokens"))
