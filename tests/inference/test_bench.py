"""The benchmark: what it measures on, what it counts, and that both engines are given the same model."""

import ctypes
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from inference import Model
from inference.bench import bandwidth, comparison
from inference.bench.comparison import Outcome, Result, compare
from inference.bench.engine_process import ContestantProcess, Loaded
from inference.bench.llm_tui_engine import OwnEngine, weight_bytes
from inference.bench.report import as_json, plot, rival, table
from inference.bench.shapes import SHAPES, random_checkpoint, tensor_shapes
from inference.bench.workload import Case, Workload
from inference.checkpoint.checkpoint import open_checkpoint
from inference.errors import CheckpointError, ContextOverflowError, InferenceError, ParameterError
from tests.gguf_models import make_gguf
from tests.inference.test_goldens import GOLDENS, NAMES
from tests.tiny_model import make_tiny_model

SMALL = SHAPES["135m"] | {"hidden_size": 144, "intermediate_size": 64, "num_hidden_layers": 2, "vocab_size": 300}


@pytest.fixture
def small_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SHAPES, "135m", SMALL)


@pytest.mark.parametrize(
    ("shape", "parameters"), [("1.1b", 1_100_048_384), ("135m", 134_515_008), ("0.5b", 494_005_120)]
)
def test_shapes_are_those_of_the_models(shape: str, parameters: int) -> None:
    assert sum(int(np.prod(size)) for file in tensor_shapes(SHAPES[shape]) for size in file.values()) == parameters


@pytest.mark.parametrize("tied", [True, False])
def test_a_random_checkpoint_is_a_model(
    tied: bool, tmp_path: Path, small_shape: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SMALL, "tie_word_embeddings", tied)
    said: list[str] = []
    directory = random_checkpoint("135m", tmp_path / "bench", said.append)
    assert len(said) == 1
    info = Model.inspect(directory)
    assert info.parameters == sum(int(np.prod(size)) for file in tensor_shapes(SMALL) for size in file.values())
    model = Model.load(directory, "float32")
    logits = model.forward(list(range(20)), model.new_cache())
    assert 0.1 < logits.std() < 10
    assert model.tokenizer.decode(model.tokenizer.encode("Übung")) == "Übung"


def test_a_random_checkpoint_is_written_once_and_always_the_same(tmp_path: Path, small_shape: None) -> None:
    first = random_checkpoint("135m", tmp_path / "a")
    written = {path.name: path.stat().st_mtime_ns for path in first.iterdir()}
    said: list[str] = []
    assert random_checkpoint("135m", tmp_path / "a", said.append) == first
    assert said == []
    assert written == {path.name: path.stat().st_mtime_ns for path in first.iterdir()}
    second = random_checkpoint("135m", tmp_path / "b")
    assert all((second / name).read_bytes() == (first / name).read_bytes() for name in written)
    # What was left half-way is replaced.
    (first / "config.json").unlink()
    assert (random_checkpoint("135m", tmp_path / "a") / "config.json").is_file()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [first.name]


def test_a_random_checkpoint_that_cannot_be_written(tmp_path: Path, small_shape: None) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="Cannot write"):
        random_checkpoint("135m", tmp_path / "file")


def test_a_workload_fits_the_context() -> None:
    assert Workload.fitting(8192, None, (), (1,), 3) == Workload(512, (0, 512, 2048), (1,), 3, 64)
    assert Workload.fitting(1024, None, (), (1,), 3).depths == (0, 512)
    assert Workload.fitting(100, None, (), (1,), 3) == Workload(50, (0,), (1,), 3, 50)
    assert Workload.fitting(1024, 100, (7, 3, 7), (8, 1), 1) == Workload(100, (3, 7), (1, 8), 1, 64)
    assert Workload.fitting(164, 100, (64,), (1,), 1).longest == 164
    with pytest.raises(ContextOverflowError, match="needs 165 tokens but the context holds 164"):
        Workload.fitting(164, 100, (65,), (1,), 1)
    with pytest.raises(ContextOverflowError):
        Workload.fitting(100, 100, (0,), (1,), 1)
    for wrong in ((0, (0,), (1,), 1), (1, (-1,), (1,), 1), (1, (0,), (0,), 1), (1, (0,), (1,), 0)):
        with pytest.raises(ParameterError):
            Workload.fitting(1024, *wrong)


def test_prompts_are_measured_once_per_depth() -> None:
    stands = list(Workload(5, (0, 9), (1, 4)).stands())
    assert [(depth, batch) for depth, batch, _ in stands] == [(0, 1), (0, 4), (9, 1), (9, 4)]
    assert stands[2][2] == [Case("prefill", 9), Case("decode", 9, 1)]
    assert stands[3][2] == [Case("decode", 9, 4)]


def test_the_read_test_counts_every_byte_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bandwidth, "BYTES", 8 * 2**20)
    ticks = iter(range(1000))
    monkeypatch.setattr(bandwidth.time, "perf_counter", lambda: next(ticks) * 2.0)
    assert bandwidth.read_bandwidth(2) == 4 * 2**20


@pytest.mark.parametrize("tied", [True, False])
def test_weight_bytes_are_those_that_a_token_reads(tied: bool, tmp_path: Path) -> None:
    directory = make_tiny_model(tmp_path / "model", tie_word_embeddings=tied, num_key_value_heads=4)
    info = Model.inspect(directory)
    vocabulary, hidden = 384, 32
    vectors = 5 * hidden
    matrices = info.parameters - vectors - (0 if tied else vocabulary * hidden)
    assert weight_bytes(directory, "float32") == 4 * (matrices + vectors)
    assert weight_bytes(directory, "float16") == 2 * matrices + 4 * vectors
    # Everything here fills whole groups: a byte of scale for each, an origin for each row, up to a cache line.
    tensors = load_file(directory / "model.safetensors").items()
    read = [(name, *t.shape) for name, t in tensors if t.ndim == 2 and (tied or "embed" not in name)]
    for precision, eighths in (("int8", 8), ("int4", 4)):
        bits = {name: 8 if "lm_head" in name or "embed" in name else eighths for name, _, _ in read}
        sizes = [n * k * bits[name] // 8 + n * k // 32 + 4 * n for name, n, k in read]
        assert weight_bytes(directory, precision) == sum(-(-size // 64) * 64 for size in sizes) + 4 * vectors


def test_the_engine_is_left_where_it_was(tiny_model: Path) -> None:
    engine = OwnEngine(tiny_model, "int8", 1)
    assert (engine.loaded.precision, engine.loaded.packed) == ("int8", True)
    engine.prepare(list(range(30)), 3, 40)
    caches = engine._caches
    held = engine.cache_bytes()
    assert held == sum(cache.nbytes for cache in caches)
    assert engine.prefill(list(range(40))) > 0
    assert engine.decode(list(range(5))) > 0
    assert engine.first_token(list(range(10))) > 0
    assert [cache.length for cache in caches] == [30, 30, 30]
    assert engine.cache_bytes() == held
    # Each sequence has memory of its own, with the same past in it.
    addresses = [address for cache in caches for address in cache.addresses]
    assert len(set(addresses)) == len(addresses)
    first, second = (engine._model.forward([7], cache) for cache in caches[:2])
    np.testing.assert_array_equal(first, second)


def _die() -> Any:
    os._exit(9)


def test_a_process_that_ends_says_so(tmp_path: Path) -> None:
    with pytest.raises(InferenceError, match=r"The process of x ended unexpectedly \(exit code 9\)"):
        ContestantProcess("x", _die)
    with pytest.raises(InferenceError, match=r"nowhere is not a directory or GGUF file\. Pass the directory"):
        ContestantProcess("x", OwnEngine, tmp_path / "nowhere", "int8", 1)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short, because nobody looks at the figures."""
    monkeypatch.setattr(bandwidth, "BYTES", 8 * 2**20)
    monkeypatch.setattr(comparison, "SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(comparison, "ENOUGH_SECONDS", 0.0)
    monkeypatch.setattr(comparison, "ENOUGH_TO_COMPARE", 0.0)


@pytest.mark.slow
def test_a_run_measures_everything(tiny_model: Path, quick: None) -> None:
    said: list[str] = []
    workload = Workload(prompt=16, depths=(0, 20), batches=(1, 2), repeat=2, reply=3)
    outcome = compare(tiny_model, ["float32", "int8"], 1, lambda context: workload, report=said.append)
    assert [result.name for result in outcome.results] == ["float32", "int8"]
    for result in outcome.results:
        assert set(result.speeds) == {
            *(Case("prefill", depth) for depth in (0, 20)),
            *(Case("decode", depth, batch) for depth in (0, 20) for batch in (1, 2)),
        }
        assert min(result.speeds.values()) > 0
        assert 0 < result.loaded.seconds < result.ready_seconds
        assert result.first_token_seconds is not None
        assert result.peak_memory > result.cache_bytes > 0
    assert outcome.threads == 1
    assert "int8: decode at 20, 2 together" in said
    described = json.loads(json.dumps(as_json(outcome)))
    assert (described["model"], described["prompt"], described["depths"]) == (tiny_model.name, 16, [0, 20])
    assert len(described["engines"][1]["speeds"]) == 6
    assert "against" not in described["engines"][1]["speeds"][0]
    lines = table(outcome).splitlines()
    assert lines[0].startswith(f"{tiny_model.name} · 1 thread · best of 2 · memory read at ")
    assert any(line.startswith("decode at 20, 2 together, tok/s") for line in lines)
    assert not any("llama.cpp" in line for line in lines)


def _result(name: str, own: bool, decode: float, prefill: float, weights: int) -> Result:
    speeds = {Case("prefill", 0): prefill, Case("decode", 0): decode, Case("decode", 0, 8): 3 * decode}
    if own or name != "F16":
        speeds[Case("decode", 4096)] = decode / 2
    return Result(name, own, Loaded(name, 0.5, weights, 10, build="AVX"), 1.0, 0.1, speeds, 10**6, 10**9)


@pytest.fixture
def outcome() -> Outcome:
    results = (
        _result("int8", True, 30, 300, 1_100_000_000),
        _result("int4", True, 60, 200, 700_000_000),
        _result("Q8_0", False, 20, 100, 1_100_000_000),
        _result("Q4_0", False, 40, 120, 700_000_000),
        _result("Q4_K_M", False, 48, 125, 700_000_000),
        _result("F16", False, 20, 80, 2_200_000_000),
    )
    return Outcome("random-1.1b", 2, Workload(512, (0, 4096), (1, 8)), 40e9, results)


def test_who_is_compared_with_whom(outcome: Outcome) -> None:
    int8, int4, *peers = outcome.results
    names = [[(found := rival(outcome, own, case)) and found.name for case in int8.speeds] for own in (int8, int4)]
    assert names == [["Q4_K_M", "Q8_0", "Q8_0", "Q8_0"], ["Q4_K_M", "Q4_0", "Q4_0", "Q4_0"]]
    assert all(rival(outcome, peer, Case("decode", 0)) is None for peer in peers)
    float16 = _result("float16", True, 10, 40, 2_200_000_000)
    assert rival(outcome, float16, Case("prefill", 0)) is peers[-1]


def test_the_table_holds_ratios_and_shares(outcome: Outcome) -> None:
    lines = table(outcome).splitlines()
    assert all(line == line.rstrip() for line in lines)
    assert lines[2].split() == ["int8", "int4", "Q8_0", "Q4_0", "Q4_K_M", "F16"]

    def cells(label: str, below: int = 0) -> list[str]:
        """Of the row with this label, or of one below it: what stands behind the label, which has single blanks."""
        index = next(number for number, line in enumerate(lines) if line.startswith(label))
        return re.split(r"\s{2,}", lines[index + below].strip())[1:]

    assert cells("prefill of 512 at 0, tok/s") == ["300.0", "200.0", "100.0", "120.0", "125.0", "80.0"]
    assert cells("prefill of 512 at 0, tok/s", 1) == ["2.40×", "1.60×"]
    assert cells("decode at 0, tok/s", 1) == ["1.50×", "1.50×"]
    assert cells("decode at 0, 8 together", 2) == ["3.00×"] * 6
    # F16 moved 44 GB/s, more than the read test.
    assert cells("  share of 44.0 GB/s") == ["75%", "95%", "50%", "64%", "76%", "100%"]
    assert lines[-1] == "llama.cpp's build: AVX"


def test_the_plot_is_to_scale(outcome: Outcome) -> None:
    lines = plot(outcome).splitlines()
    assert lines[0] == "decode, tokens per second, by tokens of context"
    assert lines[1] == "      0  int8    " + "█" * 20 + " 30.0"
    assert lines[2] == "         int4    " + "█" * 40 + " 60.0"
    assert lines[7] == "   4096  int8    " + "█" * 10 + " 15.0"
    assert len(lines) == 1 + 6 + 5


def test_missing_extras_are_named(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "NEEDED", {"no_such_module": "llama-cpp-python", "json": "gguf"})
    with pytest.raises(InferenceError, match=r"needs llama-cpp-python: pip install 'llm-tui\[bench\]'"):
        compare(tiny_model, ["int8"], 1, lambda context: Workload(4, (0,)), tmp_path)


def test_windows_that_llama_cpp_ignores_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "NEEDED", {})
    changes = {"model_type": "mistral", "architectures": ["MistralForCausalLM"], "sliding_window": 64}
    model = make_tiny_model(tmp_path / "model", **changes)
    with pytest.raises(InferenceError, match="window of 64 tokens"):
        compare(model, ["int8"], 1, lambda context: Workload(60, (5,)), tmp_path)


# ---- with llama.cpp, where the extra is installed


# The models that the benchmark writes for llama.cpp, which knows no windows in models of this kind.
WRITTEN = [
    name
    for name in NAMES
    if name.startswith(("llama", "mistral"))
    and name != "llama-yarn-rope"
    and json.loads((GOLDENS / name / "config.json").read_text()).get("sliding_window") is None
]


def peer(module: str) -> Any:
    for needed in comparison.NEEDED:
        pytest.importorskip(needed)
    return __import__(f"inference.bench.{module}", fromlist=[module])


@pytest.mark.parametrize("kind", ["F32", "F16", "Q8_0"])
@pytest.mark.parametrize("name", WRITTEN)
def test_llama_cpp_is_given_the_same_model(name: str, kind: str, tmp_path: Path) -> None:
    files, engine = peer("gguf_file"), peer("llama_cpp_engine")
    from inference.bench.llama_library import llama_cpp

    golden = load_file(GOLDENS / name / "golden.safetensors")
    ids, expected = golden["token_ids"].tolist(), golden["logits"][-1]
    file = files.gguf_file(GOLDENS / name, kind, tmp_path)
    llama = engine.LlamaCpp(file, kind, files.tensor_bytes(file), 1, len(expected), 100)
    llama.prepare([], 1, len(ids))
    for context in llama._contexts:
        context._read(ids)
        pointer = llama_cpp.llama_get_logits_ith(context._context, -1)
        logits = np.ctypeslib.as_array(ctypes.cast(pointer, ctypes.POINTER(ctypes.c_float)), expected.shape)
        spread = np.sqrt(np.mean((logits - expected) ** 2)) / expected.std()
        assert spread < (0.15 if kind == "Q8_0" else 0.01)


def test_a_gguf_file_is_measured_but_not_against_llama_cpp(tiny_model: Path, tmp_path: Path) -> None:
    path = make_gguf(tiny_model, tmp_path / "it.gguf", "Q4_0")
    weights = open_checkpoint(path).weights
    assert weight_bytes(path, "int4") < weight_bytes(path, "int8") < weights.parameters * 4
    with pytest.raises(InferenceError, match="not GGUF files"):
        compare(path, ["int8"], 1, lambda context: Workload(16, (0,), (1,), 1, 3), tmp_path / "bench")


def test_a_run_against_llama_cpp(tiny_model: Path, quick: None, tmp_path: Path) -> None:
    peer("llama_cpp_engine")
    workload = Workload(prompt=16, depths=(0, 20), batches=(1, 2), repeat=1, reply=3)
    outcome = compare(tiny_model, ["int8", "int4"], 1, lambda context: workload, tmp_path / "bench")
    assert [result.name for result in outcome.results] == ["int8", "int4", "Q8_0", "Q4_0", "Q4_K_M", "F16"]
    int8, *_, f16 = outcome.results
    assert all(set(result.speeds) == set(int8.speeds) for result in outcome.results[:-1])
    assert set(f16.speeds) == {Case("prefill", 0), Case("decode", 0)}
    assert all(result.loaded.build for result in outcome.results if not result.own)
    assert outcome.results[2].loaded.weight_bytes == pytest.approx(int8.loaded.weight_bytes, rel=0.01)
    described = as_json(outcome)["engines"][1]["speeds"]
    assert {speed["against"] for speed in described if speed["kind"] == "decode"} == {"Q4_0"}
    assert "decode at 20, 2 together, tok/s" in table(outcome)
