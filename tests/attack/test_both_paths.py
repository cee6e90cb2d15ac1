"""Random shapes, precisions, ropes, windows and caches through the compiled kernels and through numpy.

Rounding to whole numbers (activations of quantized weights, an int8 cache) turns the last bit of a float into a step of
one in 127 where a value lies half-way. So the compiled pass is also gone through kernel by kernel, which gives the same
bits; numpy is then given its whole numbers, wherever its own differ by one at such a place, and must agree.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference import KVCache, Model
from inference.kernels import reference
from inference.kernels.layout import BLOCK, GROUP, LANES
from inference.kernels.reference import quantize_rows
from inference.transformer import kv_cache as cache_module
from tests.attack.conftest import Attack
from tests.backends import jit_only
from tests.commit_params import first_of
from tests.tiny_model import make_tiny_model

pytestmark = jit_only

PRECISIONS = ("float32", "bfloat16", "float16", "int8", "int4")
CACHES = ("auto", "float32", "float16", "int8")
# What two float32 sums of the same numbers may differ by, as a part of the largest logit.
CLOSE = 1e-3
# How far from half-way between two whole numbers a value may be that was rounded up here and down there: what sums
# differ by, or what the last bit of a float16 in the cache is worth to a value of 127.
HALF_WAY = {"float32": 0.02, "int8": 0.02, "float16": 127 / 2**10}
# A plain layer quantizes what q, k and v share three times, and what gate and up share twice.
SHARED = (0, 0, 0, 1, 2, 2, 3)

MISTRAL = {"model_type": "mistral", "architectures": ["MistralForCausalLM"]}
LLAMA3 = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 128}
ROPES: tuple[dict[str, Any] | None, ...] = (
    None,
    {"rope_type": "linear", "factor": 4.0},
    {"rope_type": "linear", "factor": 1e6},
    {"rope_type": "llama3", "factor": 8.0, **LLAMA3},
)
NAMED: list[tuple[dict[str, Any], str, str]] = [
    ({"hidden_size": 63, "num_attention_heads": 3, "num_key_value_heads": 1, "head_dim": 64}, "bfloat16", "auto"),
    ({"hidden_size": 64, "rope_scaling": ROPES[2]}, "float16", "auto"),
    ({"hidden_size": 64, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 130}, "int4", "auto"),
    ({"hidden_size": 33, "intermediate_size": 31, "head_dim": 2}, "int8", "int8"),
    ({**MISTRAL, "sliding_window": 1, "hidden_size": 130, "head_dim": 34}, "int4", "int8"),
    ({"hidden_size": 30, "tie_word_embeddings": False, "head_dim": 66}, "int8", "float16"),
]


def drawn(seed: int) -> tuple[dict[str, Any], str, str]:
    chance = random.Random(seed)
    kv_heads = chance.choice([1, 1, 2, 3])
    config: dict[str, Any] = {
        "hidden_size": chance.choice([16, 30, 32, 33, 48, 63, 64, 80, 96, 100, 130]),
        "intermediate_size": chance.choice([16, 31, 40, 64, 100, 130]),
        "num_hidden_layers": chance.choice([1, 2, 3]),
        "num_attention_heads": kv_heads * chance.choice([1, 2, 3, 7]),
        "num_key_value_heads": kv_heads,
        "head_dim": chance.choice([2, 4, 6, 8, 16, 18, 24, 32, 34, 48, 64, 66, 96, 128, 130]),
        "rope_theta": chance.choice([1.0, 1e4, 5e5, 1e6]),
        "tie_word_embeddings": chance.random() < 0.5,
    }
    if rope := chance.choice(ROPES):
        config["rope_scaling"] = rope
    if chance.random() < 0.4:
        config |= {**MISTRAL, "sliding_window": chance.choice([1, 3, 17, 64, 130])}
    return config, chance.choice(PRECISIONS), chance.choice(CACHES)


@pytest.mark.parametrize("part", first_of(range(4)))
def test_both_paths_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attack: Attack, rounds: int, part: int
) -> None:
    cases = [*NAMED, *(drawn(seed) for seed in range(6 * rounds))]
    for number, (config, precision, cache) in list(enumerate(cases))[part::4]:
        with attack("compiled against numpy"), monkeypatch.context() as patch:
            both_paths(make_tiny_model(tmp_path / str(number), seed=number, **config), precision, cache, number, patch)


def both_paths(directory: Path, precision: str, cache: str, seed: int, patch: pytest.MonkeyPatch) -> None:
    ids = np.random.default_rng(seed).integers(3, 380, 90).tolist()
    fast = Model.load(directory, precision, cache_limit=0, cache_precision=cache, backend="jit")
    expected = fast.forward(ids, fast.new_cache())
    held = fast.new_cache()
    with by_steps(fast) as codes:
        assert (fast.forward(ids, held) == expected).all()  # the same bits: these are the kernels' own whole numbers
    plain = Model.load(directory, precision, cache_limit=0, cache_precision=cache, backend="numpy")
    order = iter([*(codes[start + shared] for start in range(0, len(codes) - 1, 4) for shared in SHARED), *codes[-1:]])
    half_way = HALF_WAY[held.dtype.name]
    if codes:
        patch.setattr(reference, "quantize_rows", lambda *arguments: rows_with(next(order), half_way, *arguments))
    if held.dtype == np.int8:
        stored = stored_codes(held, len(ids))
        own = cache_module._quantized
        patch.setattr(cache_module, "_quantized", lambda vectors: vectors_with(next(stored), half_way, vectors, own))
    found = plain.forward(ids, plain.new_cache())
    difference = np.abs(found - expected).max() / np.abs(expected).max()
    assert difference < CLOSE, f"{precision}, {cache} cache: {difference:.1e}"
    assert bool(codes) == (precision in ("int8", "int4"))
    assert next(order, None) is None


@contextmanager
def by_steps(model: Model) -> Iterator[list[Any]]:
    """The compiled layers, called from here one kernel at a time; gives the activations' codes, product by product."""
    from inference.kernels.jit import block, matmul, mlp, quantize
    from inference.kernels.jit.target import target
    from inference.transformer import jit_transformer

    transformer: Any = model._transformer
    codes: list[Any] = []

    def product(matrix: Any, x: Any, out: Any) -> None:
        inputs, dtypes = x, (matrix.weights.dtype.name, matrix.scales.dtype.name)
        if dtypes in matmul.PACKINGS:
            packing = matmul.PACKINGS[dtypes]
            codes.append(quantized(x, np.int8, packing.of_sum).values)
            # What multiplies words reads them in an order of its own.
            words = target().dots[packing.bits].words
            inputs = quantized(x, np.int16 if words else np.int8, packing.of_sum)
        matmul.multiply(matrix.weights, matrix.scales, inputs, out, 1)

    def quantized(x: Any, code: Any, of_sum: int) -> Any:
        by_group = (len(x), x.shape[1] // GROUP)
        arrays = np.empty(x.shape, code), np.empty(by_group, np.float32), np.empty(by_group, np.int32)
        quantize.quantize_rows(x, *arrays, of_sum)
        return quantize.Activations(*arrays)

    def plain_mlp(weights: Any, x: Any, shape: Any) -> Any:
        return mlp.gated_mlp.py_func(weights.gate_up, weights.down, x, shape.gelu)

    def run_blocks(x: Any, first: int, last: int, addresses: Any, like: Any, shape: Any, *rest: Any) -> None:
        cos, sin, (*rows, work, tiles), layer_bytes, item_bytes = rest
        shape, batch = block.BlockShape(*shape), block.Batch(*rows, block.WorkItems(*work), tiles)
        for index in range(first, last):
            weights = transformer._blocks[index]
            keys = index * sum(layer_bytes)
            values = keys + layer_bytes[0]
            cache = block.CacheOffsets(keys, values, values + layer_bytes[1], item_bytes)
            block.attention.py_func(x, weights, shape, cos, sin, batch, cache)
            block.feed_forward.py_func(x, weights, shape)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matmul, "matmul", product)
        patch.setattr(block, "project", matmul.project.py_func)
        patch.setattr(mlp, "project", matmul.project.py_func)
        patch.setattr(block, "mlp", plain_mlp)
        patch.setattr(jit_transformer, "head_logits", block.head_logits.py_func)
        patch.setattr(jit_transformer, "run_blocks", run_blocks)
        yield codes


def rows_with(codes: Any, half_way: float, x: Any, quantized: Any, scales: Any, starts: Any, zero_point: int) -> None:
    """numpy's ``quantize_rows``, and then the kernels' codes where both are as near."""
    quantize_rows(x, quantized, scales, starts, zero_point)
    steps = np.repeat(scales, 32, axis=1)
    check_half_way(np.divide(x, steps, out=np.zeros_like(x), where=steps > 0), quantized, codes, half_way)
    quantized[:] = codes
    starts[:] = -zero_point * codes.reshape(*starts.shape, 32).sum(-1, dtype=np.int32)


def vectors_with(codes: Any, half_way: float, vectors: Any, own: Any) -> Any:
    """The cache's ``_quantized``, and then what the kernels have stored where both are as near."""
    quantized = own(vectors)
    steps = np.abs(vectors).max(axis=-1, keepdims=True) / np.float32(127)
    values = np.divide(vectors, steps, out=np.zeros_like(vectors), where=steps > 0)
    check_half_way(values, quantized[..., : vectors.shape[-1]], codes, half_way)
    quantized[..., : vectors.shape[-1]] = codes
    return quantized


def check_half_way(values: Any, codes: Any, others: Any, half_way: float) -> None:
    differ = codes != others
    assert (np.abs(codes[differ].astype(int) - others[differ]) == 1).all()
    assert (np.abs(np.abs(values[differ] - np.floor(values[differ])) - 0.5) < half_way).all()
    assert differ.mean() < 0.01


def stored_codes(cache: KVCache, count: int) -> Iterator[Any]:
    """What a tiled int8 cache of one block holds: keys and values [kv_heads, count, head_dim] of each layer in turn."""
    kv_heads, head_dim = cache.config.num_key_value_heads, cache.config.head_dim
    padded = -(-head_dim // LANES) * LANES
    (block,) = cache._blocks
    for layer in block:
        keys, values = np.split(layer, [kv_heads * BLOCK * head_dim])
        tiles = keys.reshape(kv_heads, BLOCK // LANES, head_dim, LANES).swapaxes(2, 3)
        yield tiles.reshape(kv_heads, BLOCK, head_dim)[:, :count]
        yield values[: kv_heads * BLOCK * padded].reshape(kv_heads, BLOCK, padded)[:, :count, :head_dim]
