"""`llm-tui bench`: what it prints, and what it refuses. The engines have processes of their own."""

import importlib.util
import json
from pathlib import Path

import pytest

from tests.cli.running import run, start

SHORT = ("--prompt", "8", "--repeat", "1", "--threads", "1")


@pytest.mark.slow
def test_a_table_and_a_plot(tiny_model: Path) -> None:
    result = start("bench", tiny_model, *SHORT, "--precision", "int8", "--precision", "int4", "--depth", "0")
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0].startswith("tiny · 1 thread · measured once · memory read at ")
    assert lines[2].split() == ["int8", "int4"]
    assert any(line.startswith("prefill of 8 at 0, tok/s ") for line in lines)
    assert lines[-3] == "decode, tokens per second, by tokens of context"
    assert lines[-2].startswith("      0  int8  █")
    assert lines[-1].startswith("         int4  █")


@pytest.mark.slow
def test_for_programs(tiny_model: Path) -> None:
    options = ("--json", "--precision", "int8", "--depth", "9", "--depth", "0", "--batch", "2")
    result = run("bench", tiny_model, *SHORT, *options, LLM_TUI_KERNELS="numpy")
    assert (result.returncode, result.stderr) == (0, "")
    found = json.loads(result.stdout)
    assert (found["threads"], found["prompt"], found["repeat"]) == (1, 8, 1)
    assert (found["depths"], found["batches"]) == ([0, 9], [2])
    assert found["bandwidth"] == found["read_bandwidth"] > 0
    (engine,) = found["engines"]
    assert (engine["engine"], engine["precision"]) == ("llm-tui", "int8")
    assert engine["bandwidth_share"] == pytest.approx(engine["bandwidth_reached"] / found["bandwidth"])
    assert {(speed["kind"], speed["depth"], speed["batch"]) for speed in engine["speeds"]} == {
        *(("prefill", 0, 1), ("prefill", 9, 1)),
        *(("decode", 0, 2), ("decode", 9, 2)),
    }
    for name in ("load_seconds", "ready_seconds", "first_token_seconds", "weight_bytes_per_token", "peak_memory"):
        assert engine[name] > 0


@pytest.mark.slow
def test_what_is_left_open_fits_the_model(tiny_model: Path) -> None:
    found = json.loads(run("bench", tiny_model, "--repeat", "1", "--json", LLM_TUI_KERNELS="numpy").stdout)
    assert (found["prompt"], found["depths"], found["batches"]) == (256, [0], [1])


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "Give either a MODEL or a --shape."),
        (("story", "--shape", "135m"), 2, "Give either a MODEL or a --shape."),
        (("--shape", "7b"), 2, "'1.1b', '135m', '0.5b'"),
        (("story", "--precision", "int2"), 2, "'int2' is not one of"),
        (("story", "--depth", "2000"), 1, "but the context holds 1024"),
        (("/nowhere",), 1, "There is no model /nowhere."),
    ],
)
def test_what_cannot_be(arguments: tuple[str, ...], code: int, words: str) -> None:
    result = run("bench", *arguments)
    assert (result.returncode, result.stdout) == (code, "")
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_llama_cpp_is_an_extra() -> None:
    if importlib.util.find_spec("llama_cpp") and importlib.util.find_spec("gguf"):
        pytest.skip("the extra is installed")
    result = run("bench", "story", "--against", "llama.cpp")
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "pip install 'llm-tui[bench]'" in result.stderr


def test_the_shapes_on_offer_are_there() -> None:
    from inference.bench.shapes import SHAPES
    from tui.cli.bench import SHAPES as OFFERED

    assert tuple(SHAPES) == OFFERED


def test_only_a_build_of_llama_cpp_is_compared(tmp_path: Path) -> None:
    result = run("bench", "story", "--against", tmp_path)
    assert result.returncode == 2
    assert f"{tmp_path} is not llama.cpp, nor a directory with a build of it" in " ".join(result.stderr.split())
