"""The kernels against numpy, and against themselves under other instruction sets and in other tiles."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference import Model
from inference.kernels import backend, reference
from inference.kernels.quantized_matrix import QuantisedMatrix

ROOT = Path(__file__).parent.parent.parent
jit_only = pytest.mark.skipif(not backend.compiled(), reason="the compiled kernels are turned off")

FORCED = {
    "avx512-vnni": "+avx2,+fma,+f16c,+avx512f,+avx512bw,+avx512vl,+avx512dq,+avx512vnni",
    "avx512": "+avx2,+fma,+f16c,+avx512f,+avx512bw,+avx512vl,+avx512dq",
    "avx2": "+avx2,+fma,+f16c",
    "generic": "+sse2",
}
# Prints a digest of everything the kernels compute: packed weights, products, conversions.
DIGEST = """
import hashlib, numpy as np
from inference.kernels.jit.target import instruction_set
from inference.kernels.quantized_matrix import QuantisedMatrix
rng = np.random.default_rng(0)
digest = hashlib.sha256()
for bits in (8, 4):
    matrix = QuantisedMatrix.pack(rng.standard_normal((50, 100)).astype(np.float32), bits=bits)
    digest.update(matrix.weights.tobytes() + matrix.scales.tobytes())
    digest.update(matrix(rng.standard_normal((23, 100)).astype(np.float32)).tobytes())
print(instruction_set(), digest.hexdigest())
"""


def matrix_of(outputs: int, inputs: int, bits: int, seed: int = 0):
    weights = np.random.default_rng(seed).standard_normal((outputs, inputs)).astype(np.float32)
    return weights, QuantisedMatrix.pack(weights, bits=bits)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 70), st.integers(1, 150), st.integers(1, 40), st.sampled_from([8, 4]))
def test_any_shape(outputs, inputs, tokens, bits):
    weights, matrix = matrix_of(outputs, inputs, bits)
    x = np.random.default_rng(1).standard_normal((tokens, inputs)).astype(np.float32)
    rows = matrix.rows(np.arange(outputs))
    assert rows.shape == weights.shape
    assert np.abs(rows - weights).max() < (0.02 if bits == 8 else 0.5)
    # What rounding the activations costs, beside what the weights lost already.
    assert np.abs(matrix(x) - x @ rows.T).max() < 0.02 * np.sqrt(inputs) + 0.05


@jit_only
@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 100), st.integers(1, 40), st.sampled_from([8, 4]))
def test_numpy_agrees(outputs, inputs, tokens, bits):
    _, matrix = matrix_of(outputs, inputs, bits)
    x = np.random.default_rng(2).standard_normal((tokens, inputs)).astype(np.float32)
    expected = matrix(x)
    groups = matrix.weights.shape[1]
    padded = np.zeros((tokens, groups * 32), np.float32)
    padded[:, :inputs] = x
    codes, scales = np.empty(padded.shape, np.int8), np.empty((tokens, groups), np.float32)
    reference.quantise_rows(padded, codes, scales, np.empty((tokens, groups), np.int32), 0)
    out = np.empty((tokens, len(matrix.weights) * 16), np.float32)
    reference.matmul_quantised(matrix.weights, matrix.scales, codes, scales, out, bits)
    assert np.abs(out[:, :outputs] - expected).max() < 1e-4


@jit_only
@pytest.mark.parametrize("bits", [8, 4])
def test_a_token_gives_the_same_bits_in_any_company(bits):
    _, matrix = matrix_of(70, 200, bits)
    x = np.random.default_rng(3).standard_normal((39, 200)).astype(np.float32)
    whole = matrix(x)
    for size in (1, 2, 3, 5, 8, 16, 21):
        parts = [matrix(x[start : start + size]) for start in range(0, len(x), size)]
        assert (np.concatenate(parts) == whole).all()


@jit_only
@pytest.mark.parametrize("bits", [8, 4])
def test_numpy_packs_the_same(bits, monkeypatch):
    weights = np.random.default_rng(4).standard_normal((40, 96)).astype(np.float32) * 0.05
    weights[3] = 0
    weights[5, :32] = 1e-8  # a step too small beside the row's others
    weights[6, 7] = -9
    compiled = QuantisedMatrix.pack(weights, bits=bits)
    monkeypatch.setattr(backend, "pack", lambda bits: {8: reference.pack_int8, 4: reference.pack_int4}[bits])
    plain = QuantisedMatrix.pack(weights, bits=bits)
    assert (compiled.weights == plain.weights).all()
    assert (compiled.scales == plain.scales).all()
    assert (plain.rows(np.arange(40))[3] == 0).all()


@pytest.mark.parametrize("bits", [8, 4])
def test_each_row_has_scales_of_its_own_size(bits):
    """However large or small a row is, it loses no more of itself than the others do."""
    weights, _ = matrix_of(8, 96, bits)
    sizes = np.float32([1e-15, 1e-9, 1e-4, 1, 7, 1e5, 1e9, 1e15])[:, None]
    plain = QuantisedMatrix.pack(weights, bits=bits).rows(np.arange(8))
    rounded = QuantisedMatrix.pack(weights * sizes, bits=bits).rows(np.arange(8)) / sizes
    assert np.abs(plain - weights).max() < (0.02 if bits == 8 else 0.5)
    assert np.abs(rounded - weights).max() < (0.02 if bits == 8 else 0.5)
    # Groups that are small beside their row's largest: what they lose is small beside it too.
    weights[:, :32] *= 1e4
    rounded = QuantisedMatrix.pack(weights, bits=bits).rows(np.arange(8))
    least_step = np.abs(weights).max() / (127 if bits == 8 else 6) / 2**7
    assert np.abs(rounded - weights)[:, 32:].max() < least_step / 2


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_weight_that_is_no_number_is_not_passed_over(bits, bad):
    weights, _ = matrix_of(40, 96, bits)
    weights[5, 40] = bad
    found = QuantisedMatrix.pack(weights, bits=bits)(np.ones((2, 96), np.float32))
    assert not np.isfinite(found[:, 5]).any()
    assert np.isfinite(np.delete(found, 5, axis=1)).all()


def test_int4_beats_plain_rounding():
    """Q4_0's rule: the largest value of a group becomes -8, the others are rounded to it."""
    weights, matrix = matrix_of(64, 512, 4)
    groups = weights.reshape(64, -1, 32)
    peaks = np.take_along_axis(groups, np.abs(groups).argmax(-1, keepdims=True), -1)
    levels = np.clip(np.floor(groups / (peaks / -8) + 8.5), 0, 15) - 8
    plain = np.square(groups - levels * (peaks / -8)).mean()
    assert np.square(matrix.rows(np.arange(64)) - weights).mean() < 0.93 * plain


@jit_only
@pytest.mark.timeout(180)
def test_every_instruction_set_gives_the_same_bits(tmp_path):
    processes = {}
    for name, features in FORCED.items():
        environment = os.environ | {
            "NUMBA_CPU_NAME": "x86-64",
            "NUMBA_CPU_FEATURES": features,
            "NUMBA_CACHE_DIR": str(tmp_path / name),
        }
        if name in supported():
            processes[name] = subprocess.Popen(
                [sys.executable, "-c", DIGEST], env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True
            )
    results = {name: process.communicate()[0].split() for name, process in processes.items()}
    assert "generic" in results
    assert [result[0] for result in results.values()] == list(results)
    assert len({result[1] for result in results.values()}) == 1


def supported() -> list[str]:
    """The instruction sets that this CPU can run, of those in FORCED."""
    from llvmlite.binding import get_host_cpu_features

    there = {name for name, has in get_host_cpu_features().items() if has}
    return [name for name, needed in FORCED.items() if {part[1:] for part in needed.split(",")} <= there]


@pytest.mark.parametrize(("precision", "limit"), [("int8", 0.05), ("int4", 0.6)])
def test_a_quantised_model_stays_close(tiny_model, precision, limit):
    exact, model = Model.load(tiny_model), Model.load(tiny_model, precision=precision)
    ids = np.random.default_rng(5).integers(0, 380, 60).tolist()
    logits = model.forward(ids, model.new_cache())
    difference = np.abs(logits - exact.forward(ids, exact.new_cache()))
    assert 0 < difference.mean() < limit
    assert model.config == exact.config
    cache = model.new_cache()
    again = np.concatenate([model.forward([token_id], cache) for token_id in ids])
    assert np.abs(again - logits).max() < 5e-3


def test_the_environment_can_choose_numpy():
    code = (
        "import sys; from inference.kernels import choice as c; c.pack(8); print(c.compiled(), 'numba' in sys.modules)"
    )
    environment = os.environ | {"LLM_TUI_KERNELS": "numpy"}
    result = subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert result.stdout.split() == ["False", "False"]
