"""The tiled layout of a KV cache, read and written by numpy; kernels/jit/attention.py draws it.

Slower than the plain layout, and only for replies that begin before the kernels are compiled: they go on in the same
cache when these are ready.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from inference.kernels.layout import BLOCK, LANES, cache_bytes
from inference.kernels.reference import Floats
from inference.transformer.int8_vectors import quantized

Array = npt.NDArray[Any]


def write(layer: Array, at: int, keys: Array, values: Array) -> None:
    """Put ``keys`` and ``values`` [kv_heads, count, head_dim] into a ``layer`` of a block, from its position ``at``."""
    heads, count, head_dim = keys.shape
    stored_keys, stored_values, scales = _parts(layer, heads, head_dim)
    places = np.arange(at, at + count)
    key_codes, value_codes = keys, values
    if scales is not None:
        key_codes, key_scales = quantized(keys)
        value_codes, value_scales = quantized(values)
        scales[:, :, at : at + count] = key_scales[..., 0], value_scales[..., 0]
    stored_keys[:, places // LANES, :, places % LANES] = key_codes.swapaxes(0, 1)
    stored_values[:, at : at + count, :head_dim] = value_codes


def read(layer: Array, first: int, last: int, kv_heads: int, head_dim: int) -> tuple[Array, Array]:
    """Return keys and values [kv_heads, last - first, head_dim] of a ``layer`` of a block; int8 is widened."""
    stored_keys, stored_values, scales = _parts(layer, kv_heads, head_dim)
    keys = stored_keys.swapaxes(2, 3).reshape(kv_heads, BLOCK, head_dim)[:, first:last]
    values = stored_values[:, first:last, :head_dim]
    if scales is None:
        return keys, values
    key_scales, value_scales = scales[:, :, first:last, None]
    return keys.astype(np.float32) * key_scales, values.astype(np.float32) * value_scales


def _parts(layer: Array, kv_heads: int, head_dim: int) -> tuple[Array, Array, Floats | None]:
    """Return views of the keys [H, BLOCK/16, D, 16], the values [H, BLOCK, P] and the scales [2, H, BLOCK] of int8."""
    item = layer.dtype.itemsize
    keys, values, _ = (size // item for size in cache_bytes(kv_heads, head_dim, item))
    scales = layer[keys + values :].view(np.float32).reshape(2, kv_heads, BLOCK) if item == 1 else None
    return (
        layer[:keys].reshape(kv_heads, BLOCK // LANES, head_dim, LANES),
        layer[keys : keys + values].reshape(kv_heads, BLOCK, -1),
        scales,
    )
