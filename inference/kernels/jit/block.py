"""Blocks of the transformer in compiled code, several per call from Python.

Between two calls the interpreter's working set has been evicted from the caches by the weights, which costs tenths of a
millisecond per token, where the blocks themselves take some ten.

In every named tuple an empty array means that a part is absent.
"""

from typing import Any, NamedTuple, get_type_hints

import numpy as np
import numpy.typing as npt
from numba import njit, types
from numba.extending import intrinsic

from inference.kernels.jit.attention import WorkItems, attend, merge
from inference.kernels.jit.elementwise import add_scaled, norm, prepare_rows
from inference.kernels.jit.llvm import I64, load
from inference.kernels.jit.matmul import project
from inference.kernels.jit.mlp import mlp
from inference.kernels.jit.numba_internals import array_at, make_tuple, unpack_tuple
from inference.kernels.layout import LANES, PADDING
from inference.kernels.packed_matrix import PackedMatrix
from inference.kernels.reference import Floats


class BlockWeights(NamedTuple):
    """The weights of one block; norms are padded as activations are.

    With a ``router`` [experts, hidden], ``gate_up`` and ``down`` are those of all experts, one after the other.
    """

    attention_norm: Floats
    qkv: PackedMatrix
    query_norm: Floats
    key_norm: Floats
    output: PackedMatrix
    post_attention_norm: Floats
    mlp_norm: Floats
    router: PackedMatrix
    gate_up: PackedMatrix
    down: PackedMatrix
    post_mlp_norm: Floats


class BlockShape(NamedTuple):
    """Sizes and settings shared by transformer blocks of one kind.

    ``query``, ``key`` and ``value`` are the columns where each begins in the output of ``qkv``. ``window``: how many
    positions a token sees, itself included. ``scale`` multiplies queries. ``softcap`` bounds attention scores; 0: none.
    ``residual``: multiplies what is added to the residual stream. ``experts``: how many there are, of which each token
    goes through ``per_token``; ``normalize``: their weights are scaled to a sum of one.
    """

    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    query: int
    key: int
    value: int
    window: int
    gelu: bool
    eps: np.float32
    scale: np.float32
    softcap: np.float32
    residual: np.float32
    experts: int
    per_token: int
    normalize: bool


class CacheOffsets(NamedTuple):
    """Bytes from the start of a cache block to a layer's keys, values and scales, and the bytes of a number."""

    keys: int
    values: int
    scales: int
    item_bytes: int


class Batch(NamedTuple):
    """The rows of a pass and the KV cache they use.

    ``row_blocks`` and ``row_offsets`` int64 [rows]: the address of the cache block that holds each row's position, and
    the position in it. ``blocks`` int64: the addresses of all sequences' blocks. ``work``: the attention's pieces.
    ``tiles`` int64: where in ``work`` those of each (tokens, head) begin.
    """

    row_blocks: npt.NDArray[np.int64]
    row_offsets: npt.NDArray[np.int64]
    blocks: npt.NDArray[np.int64]
    work: WorkItems
    tiles: npt.NDArray[np.int64]


@njit(nogil=True, cache=True)
def normalized(x, weight, shape):
    """Return the RMSNorm of ``x``, or ``x`` itself if ``weight`` is empty."""
    if len(weight) == 0:
        return x
    out = np.empty_like(x)
    norm(x, weight, shape.eps, shape.hidden, out)
    return out


@njit(nogil=True, cache=True)
def add_to_residual(x, delta, post_norm, shape):
    """Add ``delta`` to ``x``, after the norm that follows attention or MLP if there is one."""
    if len(post_norm):
        norm(delta, post_norm, shape.eps, shape.hidden, delta)
    add_scaled(x, delta, shape.residual, shape.hidden)


# Inlined into run_blocks, which alone calls them: each function that is compiled by itself costs its callees once more.
@njit(nogil=True, inline="always")
def attention(x, weights, shape, cos, sin, batch, cache):
    """``x += output(attention(qkv(norm(x))))`` for ``x`` [rows, K] of several sequences."""
    qkv = project(weights.qkv, normalized(x, weights.attention_norm, shape))
    query_norm, key_norm = weights.query_norm, weights.key_norm
    prepare_rows(qkv, query_norm, key_norm, cos, sin, shape, batch.row_blocks, batch.row_offsets, cache)
    work, rows = batch.work, 0
    for item in range(len(work.tokens)):
        rows = max(rows, work.tokens[item] * (shape.heads // shape.kv_heads))
    items, padded = len(work.tokens), -(-shape.head_dim // LANES) * LANES
    acc = np.empty((items, rows, padded), np.float32)
    maximum, total = np.empty((items, rows), np.float32), np.empty((items, rows), np.float32)
    attend(qkv, work, batch.blocks, cache, shape, acc, maximum, total)
    attended = np.zeros((len(x), -(-shape.heads * shape.head_dim // PADDING) * PADDING), np.float32)
    merge(work, batch.tiles, shape, acc, maximum, total, attended)
    add_to_residual(x, project(weights.output, attended), weights.post_attention_norm, shape)


@njit(nogil=True, inline="always")
def feed_forward(x, weights, shape):
    """``x += mlp(norm(x))``."""
    delta = mlp(weights, normalized(x, weights.mlp_norm, shape), shape)
    add_to_residual(x, delta, weights.post_mlp_norm, shape)


def plain(value: Any) -> Any:
    """Return nested tuples without their names, to pass from Python: unboxing a named tuple costs microseconds."""
    return tuple(map(plain, value)) if isinstance(value, tuple) else value


def _named(kind: Any, fields: type) -> Any:
    """Return the numba type of the named tuple ``fields`` whose parts are those of the plain tuple ``kind``."""
    hints = get_type_hints(fields).values()
    parts = [
        _named(part, hint) if isinstance(part, types.BaseTuple) else part
        for part, hint in zip(kind.types, hints, strict=True)
    ]
    return types.NamedTuple(parts, fields)


def _weights_at(typing, like, address):
    """Return BlockWeights with arrays like those of ``like`` that lie elsewhere; somebody else keeps them alive.

    ``like`` is ``plain`` BlockWeights. At ``address`` are the addresses of their data, in the order of
    ``addresses_of``.
    """
    named = _named(like, BlockWeights)

    def generate(context: Any, b: Any, signature: Any, values: Any) -> Any:
        position = values[1]

        def build(kind: Any, value: Any) -> Any:
            nonlocal position
            if not isinstance(kind, types.Array):
                parts = unpack_tuple(b, value)
                return make_tuple(context, b, kind, [build(*pair) for pair in zip(kind.types, parts, strict=True)])
            made = array_at(context, b, kind, value, load(b, position, I64, 8))
            position = b.add(position, I64(8))
            return made

        return build(named, values[0])

    return named(like, types.int64), generate


weights_at: Any = intrinsic(_weights_at)


def addresses_of(value: Any) -> list[int]:
    """Return the addresses of all arrays in nested tuples, for ``weights_at``."""
    if isinstance(value, tuple):
        return [address for part in value for address in addresses_of(part)]
    return [value.ctypes.data]


@njit(nogil=True, cache=True)
def run_blocks(x, first, last, addresses, like, shape, cos, sin, batch, layer_bytes, item_bytes):
    """Take ``x`` float32 [rows, K] through the blocks ``first`` to ``last`` - 1, in place.

    Args:
        x: Activations.
        first: The first block.
        last: The block to stop before.
        addresses: int64 [blocks, arrays], of each block's BlockWeights.
        like: ``plain`` BlockWeights of one of these blocks: all have the same shapes and types.
        shape: ``plain`` BlockShape of these blocks.
        cos: float32 [rows, R/2] of the rotary embedding of these blocks, like ``sin``.
        sin: See ``cos``.
        batch: The parts of a Batch; its WorkItems are the rows of an int64 [6, items].
        layer_bytes: Bytes of a layer's keys, values and scales in a block of the cache.
        item_bytes: Bytes of a number in the cache.
    """
    named_shape = BlockShape(*shape)
    row_blocks, row_offsets, blocks, work, tiles = batch
    items = WorkItems(work[0], work[1], work[2], work[3], work[4], work[5])
    named_batch = Batch(row_blocks, row_offsets, blocks, items, tiles)
    for index in range(first, last):
        weights = weights_at(like, addresses.ctypes.data + index * addresses.strides[0])
        keys = index * (layer_bytes[0] + layer_bytes[1] + layer_bytes[2])
        values = keys + layer_bytes[0]
        cache = CacheOffsets(keys, values, values + layer_bytes[1], item_bytes)
        attention(x, weights, named_shape, cos, sin, named_batch, cache)
        feed_forward(x, weights, named_shape)


@njit(nogil=True, cache=True)
def head_logits(x, norm_weight, eps, hidden, weights, scales, bias):
    """Return the output matrix times the RMSNorm of ``x``, columns padded; the matrix comes as its parts."""
    normed = np.empty_like(x)
    norm(x, norm_weight, eps, hidden, normed)
    return project(PackedMatrix(weights, scales, bias), normed)
