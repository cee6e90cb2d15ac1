"""The compiled kernels against numpy, and against themselves under other instruction sets."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference import CacheError, Model, ParameterError
from inference.kernels.layout import INT4, INT4_MINIMUMS, INT8
from inference.kernels.quantized_matrix import QuantizedMatrix
from tests.backends import jit_only, rounding
from tests.inference.products import Grouped, packed, product
from tests.tiny_model import make_tiny_model

ROOT = Path(__file__).parent.parent.parent
FORCED = {
    "avx512-vnni": "+avx2,+fma,+f16c,+avx512f,+avx512bw,+avx512vl,+avx512dq,+avx512vnni",
    "avx512": "+avx2,+fma,+f16c,+avx512f,+avx512bw,+avx512vl,+avx512dq",
    "avx-vnni": "+avx2,+fma,+f16c,+avxvnni",
    "avx2": "+avx2,+fma,+f16c",
    "generic": "+sse2",
}
ARM = ["neon-i8mm", "neon-dotprod", "neon"]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 70), st.integers(1, 150), st.integers(1, 40), st.sampled_from([INT8, INT4]))
def test_any_shape(backend, outputs, inputs, tokens, packing):
    weights, matrix = packed(outputs, inputs, packing, backend)
    x = np.random.default_rng(1).standard_normal((tokens, inputs)).astype(np.float32)
    rows = matrix.rows(np.arange(outputs))
    assert rows.shape == weights.shape
    assert np.abs(rows - weights).max() < (0.02 if packing == INT8 else 0.5)
    # Rounding moves an activation by half a step at most, and a step is the 127th part of its token's largest value.
    half_step = np.abs(x).max(-1, keepdims=True) / 254
    bound = half_step * np.abs(rows).sum(-1) + 1e-3
    assert (np.abs(product(matrix, x, backend) - x @ rows.T) <= bound).all()


@jit_only
@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 100), st.integers(1, 40), st.sampled_from([INT8, INT4]))
def test_numpy_agrees(outputs, inputs, tokens, packing):
    _, matrix = packed(outputs, inputs, packing, "jit")
    x = np.random.default_rng(2).standard_normal((tokens, inputs)).astype(np.float32)
    assert np.abs(product(matrix, x, "jit") - product(matrix, x, "numpy")).max() < 1e-4


@pytest.mark.parametrize("packing", [INT8, INT4])
def test_a_token_gives_the_same_bits_in_any_company(backend, packing):
    """Also in numpy: a group's sum is of whole numbers, and exact in any order."""
    _, matrix = packed(70, 200, packing, backend)
    x = np.random.default_rng(3).standard_normal((39, 200)).astype(np.float32)
    whole = product(matrix, x, backend)
    for size in (1, 2, 3, 5, 8, 16, 21):
        parts = [product(matrix, x[start : start + size], backend) for start in range(0, len(x), size)]
        assert (np.concatenate(parts) == whole).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 70), st.integers(1, 5), st.integers(1, 40))
def test_groups_that_have_minimums(backend, outputs, groups, tokens):
    """Integers, scales and minimums are kept, so a product differs by the rounding of activations alone."""
    weights = Grouped(outputs, 32 * groups)
    matrix = QuantizedMatrix.pack(weights, packing=INT4_MINIMUMS, backend=backend)
    assert (matrix.rows(np.arange(outputs)) == weights[:]).all()
    assert matrix.form.nbytes * 8 <= 5 * -(-outputs // 16) * 16 * 32 * groups + 8 * 64
    x = np.random.default_rng(1).standard_normal((tokens, 32 * groups)).astype(np.float32)
    half_step = np.abs(x).max(-1, keepdims=True) / 254
    bound = half_step * np.abs(weights[:]).sum(-1) + 1e-3
    found = product(matrix, x, backend)
    assert (np.abs(found - x @ weights[:].T) <= bound).all()
    assert np.abs(found - product(matrix, x, "numpy")).max() < 1e-3
    alone = np.concatenate([product(matrix, x[token : token + 1], backend) for token in range(tokens)])
    assert (alone == found).all()


@jit_only
@pytest.mark.parametrize("packing", [INT8, INT4])
def test_numpy_packs_the_same(packing):
    weights = np.random.default_rng(4).standard_normal((40, 96)).astype(np.float32) * 0.05
    weights[3] = 0
    weights[5, :32] = 1e-8  # a step too small beside the row's others
    weights[6, 7] = -9
    compiled = QuantizedMatrix.pack(weights, packing=packing, backend="jit")
    plain = QuantizedMatrix.pack(weights, packing=packing, backend="numpy")
    assert (compiled.weights == plain.weights).all()
    assert (compiled.scales == plain.scales).all()
    assert (plain.rows(np.arange(40))[3] == 0).all()


@pytest.mark.parametrize("packing", [INT8, INT4])
def test_each_row_has_scales_of_its_own_size(backend, packing):
    """However large or small a row is, it loses no more of itself than the others do."""
    weights, matrix = packed(8, 96, packing, backend)
    sizes = np.float32([1e-15, 1e-9, 1e-4, 1, 7, 1e5, 1e9, 1e15])[:, None]
    plain = matrix.rows(np.arange(8))
    rounded = QuantizedMatrix.pack(weights * sizes, packing=packing, backend=backend).rows(np.arange(8)) / sizes
    assert np.abs(plain - weights).max() < (0.02 if packing == INT8 else 0.5)
    assert np.abs(rounded - weights).max() < (0.02 if packing == INT8 else 0.5)
    # Groups that are small beside their row's largest: what they lose is small beside it too.
    weights[:, :32] *= 1e4
    rounded = QuantizedMatrix.pack(weights, packing=packing, backend=backend).rows(np.arange(8))
    least_step = np.abs(weights).max() / (127 if packing == INT8 else 6) / 2**7
    assert np.abs(rounded - weights)[:, 32:].max() < least_step / 2


@pytest.mark.parametrize("packing", [INT8, INT4])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinite_weights_propagate(backend, packing, bad):
    weights, _ = packed(40, 96, packing, backend)
    weights[5, 40] = bad
    matrix = QuantizedMatrix.pack(weights, packing=packing, backend=backend)
    found = product(matrix, np.ones((2, 96), np.float32), backend)
    assert not np.isfinite(found[:, 5]).any()
    assert np.isfinite(np.delete(found, 5, axis=1)).all()


def test_int4_beats_plain_rounding(backend):
    """Q4_0's rule: the largest value of a group becomes -8, the others are rounded to it."""
    weights, matrix = packed(64, 512, INT4, backend)
    groups = weights.reshape(64, -1, 32)
    peaks = np.take_along_axis(groups, np.abs(groups).argmax(-1, keepdims=True), -1)
    levels = np.clip(np.floor(groups / (peaks / -8) + 8.5), 0, 15) - 8
    plain = np.square(groups - levels * (peaks / -8)).mean()
    assert np.square(matrix.rows(np.arange(64)) - weights).mean() < 0.93 * plain


@pytest.mark.slow
@jit_only
def test_a_generic_product_has_the_bits_of_this_cpu(tmp_path):
    from tests.inference.digest import of_product

    (generic,) = digests(["generic"], tmp_path, "product").values()
    assert generic == [f"{name}: {digest}" for name, digest in of_product().items()]


@pytest.mark.slow
@jit_only
@pytest.mark.timeout(1800)
def test_every_instruction_set_gives_the_same_logits(tmp_path):
    """Attention, elementwise operations, products and conversions, for each precision and cache type."""
    shape = {"hidden_size": 80, "intermediate_size": 100, "num_attention_heads": 6, "head_dim": 34}
    family = {"model_type": "mistral", "architectures": ["MistralForCausalLM"], "sliding_window": 150}
    model = make_tiny_model(tmp_path / "model", num_hidden_layers=2, **shape, **family)
    found = digests(supported(), tmp_path, "logits", str(model))
    for name, lines in found.items():
        assert lines == found["generic"], name


def digests(instruction_sets: list[str], caches: Path, *arguments: str) -> dict[str, list[str]]:
    """Lines of ``tests.inference.digest`` by instruction set, each from a process that compiles for that one only."""
    processes = {}
    for name in instruction_sets:
        forced = {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": FORCED[name], "NUMBA_CACHE_DIR": str(caches / name)}
        command = [sys.executable, "-m", "tests.inference.digest", *arguments]
        processes[name] = subprocess.Popen(
            command, env=os.environ | forced, cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
    try:
        found = {name: process.communicate()[0].splitlines() for name, process in processes.items()}
    finally:
        for process in processes.values():
            process.kill()
    assert {name: lines[:1] for name, lines in found.items()} == {name: [name] for name in instruction_sets}
    return {name: lines[1:] for name, lines in found.items()}


@jit_only
def test_every_cpu_has_a_target_and_its_tiles_cover_any_number_of_tokens():
    from inference.kernels.jit.target import BLOCKS_TOGETHER, TARGETS

    assert sorted(target.name for target in TARGETS) == sorted([*FORCED, *ARM])
    assert not TARGETS[-1].features
    for target in TARGETS:
        assert 1 in target.tiles and set(target.tiles) <= {1, BLOCKS_TOGETHER}
        for sizes in target.tiles.values():
            assert sizes[-1] == 1
            assert list(sizes) == sorted(sizes, reverse=True)


def supported() -> list[str]:
    """The instruction sets of FORCED that this CPU has."""
    from llvmlite.binding import get_host_cpu_features

    there = {name for name, has in get_host_cpu_features().items() if has}
    return [name for name, needed in FORCED.items() if {part[1:] for part in needed.split(",")} <= there]


@pytest.mark.parametrize(("precision", "limit"), [("int8", 0.05), ("int4", 0.6)])
def test_a_quantized_model_stays_close(tiny_model, backend, precision, limit):
    exact, model = (Model.load(tiny_model, p, backend=backend) for p in ("auto", precision))
    ids = np.random.default_rng(5).integers(0, 380, 60).tolist()
    logits = model.forward(ids, model.new_cache())
    difference = np.abs(logits - exact.forward(ids, exact.new_cache()))
    assert 0 < difference.mean() < limit
    assert model.config == exact.config
    cache = model.new_cache()
    again = np.concatenate([model.forward([token_id], cache) for token_id in ids])
    assert np.abs(again - logits).max() <= rounding(model, numpy=difference.max())


def test_the_environment_can_choose_numpy(tiny_model):
    code = f"""
import sys
from inference import Model
model = Model.load({str(tiny_model)!r}, "int8", cache_limit=0)
model.forward([1], model.new_cache())
print(model.backend, "numba" in sys.modules)
"""
    environment = os.environ | {"LLM_TUI_KERNELS": "numpy"}
    result = subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert result.stdout.split() == ["numpy", "False"], result.stderr


@jit_only
def test_both_backends_in_one_process(tiny_model, monkeypatch):
    """The name outranks the environment, and each model keeps its backend and its caches."""
    monkeypatch.setenv("LLM_TUI_KERNELS", "numpy")
    models = [Model.load(tiny_model, "int8", backend=name) for name in ("jit", "numpy", "auto")]
    assert [model.backend for model in models] == ["jit", "numpy", "numpy"]
    ids = list(range(3, 60))
    caches = [model.new_cache() for model in models]
    compiled, plain, _ = (
        np.concatenate([model.forward(ids[:30], cache), model.forward(ids[30:], cache)])
        for model, cache in zip(models, caches, strict=True)
    )
    assert 0 < np.abs(compiled - plain).max() < 0.05
    models[1].forward([7], caches[2])
    for model, cache in ((models[0], caches[1]), (models[1], caches[0])):
        with pytest.raises(CacheError, match="another model"):
            model.forward([7], cache)


def test_a_backend_that_cannot_be_had_is_refused(tiny_model, monkeypatch):
    with pytest.raises(ParameterError, match="Unknown backend 'cuda' \\(choose auto, numpy or jit\\)"):
        Model.load(tiny_model, backend="cuda")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ParameterError, match="The jit backend needs numba"):
        Model.load(tiny_model, backend="jit")
    assert Model.load(tiny_model).backend == "numpy"
