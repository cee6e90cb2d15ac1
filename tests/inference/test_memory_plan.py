"""What fits: the shapes of real models on machines with little memory, and the prediction beside what a load takes.

python -m tests.inference.test_memory_plan    prints the table of models, memory, precision and context
"""

import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from inference import MemoryLimitError
from inference.bench.shapes import write_checkpoint
from inference.checkpoint.checkpoint import open_checkpoint
from inference.checkpoint.config import ModelConfig
from inference.checkpoint.families import FAMILIES, parse_config
from inference.checkpoint.weights import expected_tensors
from inference.kernels.layout import BLOCK
from inference.transformer.memory_plan import MemoryNeed, MemoryPlan, plan_memory

GB = 2**30
FREE = (6, 14, 22)


def shape(
    model_type: str,
    hidden: int,
    ffn: int,
    layers: int,
    heads: tuple[int, int],
    vocabulary: int,
    context: int,
    theta: float,
    **more: Any,
) -> dict[str, Any]:
    """``config.json`` with the numbers of a real model."""
    return {
        "model_type": model_type,
        "hidden_act": "silu",
        "hidden_size": hidden,
        "intermediate_size": ffn,
        "num_hidden_layers": layers,
        "num_attention_heads": heads[0],
        "num_key_value_heads": heads[1],
        "vocab_size": vocabulary,
        "max_position_embeddings": context,
        "rope_theta": theta,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": False,
        **more,
    }


LLAMA3 = {"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
LLAMA3 |= {"original_max_position_embeddings": 8192}
LONGROPE = {"type": "longrope", "short_factor": [1.0] * 48, "long_factor": [1.5] * 48}
GEMMA2 = {"head_dim": 256, "sliding_window": 4096, "query_pre_attn_scalar": 256, "hidden_act": "gelu_pytorch_tanh"}
GEMMA2 |= {"hidden_activation": "gelu_pytorch_tanh", "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0}
GEMMA3 = {"head_dim": 256, "sliding_window": 1024, "sliding_window_pattern": 6, "query_pre_attn_scalar": 256}
GEMMA3 |= {"hidden_activation": "gelu_pytorch_tanh", "hidden_act": "gelu_pytorch_tanh", "rope_local_base_freq": 1e4}
GEMMA3 |= {"rope_scaling": {"rope_type": "linear", "factor": 8.0}}
PHI4 = {"partial_rotary_factor": 0.75, "original_max_position_embeddings": 4096, "rope_scaling": LONGROPE}
GRANITE = {"attention_multiplier": 0.015625, "embedding_multiplier": 12.0, "logits_scaling": 8.0}
GRANITE |= {"residual_multiplier": 0.22}
SMOLLM3 = {"no_rope_layers": [1, 1, 1, 0] * 9}
TIED = {"tie_word_embeddings": True}
SHAPES = {
    "SmolLM2 135M": shape("llama", 576, 1536, 30, (9, 3), 49152, 8192, 1e5, **TIED),
    "SmolLM2 360M": shape("llama", 960, 2560, 32, (15, 5), 49152, 8192, 1e5, **TIED),
    "SmolLM2 1.7B": shape("llama", 2048, 8192, 24, (32, 32), 49152, 8192, 1.3e5, **TIED),
    "TinyLlama 1.1B": shape("llama", 2048, 5632, 22, (32, 4), 32000, 2048, 1e4),
    "Llama 3.2 1B": shape("llama", 2048, 8192, 16, (32, 8), 128256, 131072, 5e5, rope_scaling=LLAMA3, **TIED),
    "Llama 3.2 3B": shape("llama", 3072, 8192, 28, (24, 8), 128256, 131072, 5e5, rope_scaling=LLAMA3, **TIED),
    "Llama 2 7B": shape("llama", 4096, 11008, 32, (32, 32), 32000, 4096, 1e4),
    "Llama 3 8B": shape("llama", 4096, 14336, 32, (32, 8), 128256, 8192, 5e5),
    "Llama 3.1 8B": shape("llama", 4096, 14336, 32, (32, 8), 128256, 131072, 5e5, rope_scaling=LLAMA3),
    "Llama 2 13B": shape("llama", 5120, 13824, 40, (40, 40), 32000, 4096, 1e4),
    "Yi 34B": shape("llama", 7168, 20480, 60, (56, 8), 64000, 4096, 5e6),
    "Llama 3.3 70B": shape("llama", 8192, 28672, 80, (64, 8), 128256, 131072, 5e5, rope_scaling=LLAMA3),
    "Mistral 7B v0.1": shape("mistral", 4096, 14336, 32, (32, 8), 32000, 32768, 1e4, sliding_window=4096),
    "Mistral 7B v0.3": shape("mistral", 4096, 14336, 32, (32, 8), 32768, 32768, 1e6, sliding_window=None),
    "Mistral Nemo 12B": shape("mistral", 5120, 14336, 40, (32, 8), 131072, 131072, 1e6, head_dim=128),
    "Mistral Small 24B": shape("mistral", 5120, 32768, 40, (32, 8), 131072, 32768, 1e8, head_dim=128),
    "Qwen2.5 0.5B": shape("qwen2", 896, 4864, 24, (14, 2), 151936, 32768, 1e6, **TIED),
    "Qwen3 4B": shape("qwen3", 2560, 9728, 36, (32, 8), 151936, 40960, 1e6, head_dim=128, **TIED),
    "SmolLM3 3B": shape(
        "smollm3", 2048, 11008, 36, (16, 4), 128256, 65536, 5e6, no_rope_layers=[1, 1, 1, 0] * 9, **TIED
    ),
    "Gemma 2 9B": shape("gemma2", 3584, 14336, 42, (16, 8), 256000, 8192, 1e4, **GEMMA2, **TIED),
    "Gemma 3 4B": shape("gemma3_text", 2560, 10240, 34, (8, 4), 262208, 131072, 1e6, **GEMMA3, **TIED),
    "Phi-4-mini": shape("phi3", 3072, 8192, 32, (24, 8), 200064, 131072, 1e4, **PHI4, **TIED),
    "OLMo 2 7B": shape("olmo2", 4096, 11008, 32, (32, 32), 100352, 4096, 5e5),
    "Granite 3.3 2B": shape("granite", 2048, 8192, 40, (32, 8), 49159, 131072, 1e7, **GRANITE, **TIED),
}


def sparse_checkpoint(config: dict[str, Any], directory: Path) -> Path:
    """A model directory of bfloat16 tensors without content, which take no room on the disk."""
    directory.mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps(config))
    family, known = parse_config(config, directory / "config.json", FAMILIES)
    stored: dict[str, list[int]] = {}
    for _, name, size in expected_tensors(family, known, family.top_tensors, bool(config["tie_word_embeddings"])):
        stored[name] = [stored.get(name, [0])[0] + size[0], *size[1:]]
    header, end = {}, 0
    for name, size in stored.items():
        start, end = end, end + 2 * math.prod(size)
        header[name] = {"dtype": "BF16", "shape": size, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    with (directory / "model.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(file.tell() + end)
    return directory


def planned(name: str, directory: Path) -> tuple[MemoryPlan, ModelConfig]:
    checkpoint = open_checkpoint(sparse_checkpoint(SHAPES[name], directory / name))
    return plan_memory(checkpoint.weights, checkpoint.config, "jit", "auto"), checkpoint.config


@pytest.mark.parametrize("name", SHAPES)
def test_what_fits_is_offered_with_the_context_it_gets(name: str, tmp_path: Path) -> None:
    plan, config = planned(name, tmp_path)
    least = plan.needs["int4"].at(BLOCK)
    for free in (gigabytes * GB for gigabytes in FREE):
        offered = plan.fitting(free)
        assert list(offered) == [each for each in plan.needs if plan.needs[each].at(BLOCK) <= free]
        assert bool(offered) == (least <= free)
        for precision, context in offered.items():
            assert BLOCK <= context <= config.max_position_embeddings and plan.needs[precision].at(context) <= free
            if context < config.max_position_embeddings:  # little more than what others are left
                spared = free - plan.needs[precision].at(context)
                assert spared <= (free - plan.needs[precision].fixed) / 10 + 2 * plan.needs[precision].block
        if offered:
            chosen = plan.choose("auto", free)
            enough = min(4096, config.max_position_embeddings)
            assert chosen == ("int8" if offered.get("int8", 0) >= enough or list(offered) == ["int8"] else "int4")
        else:
            with pytest.raises(MemoryLimitError, match="smaller model"):
                plan.choose("auto", free)


def test_a_model_of_three_billion_runs_where_it_was_refused(tmp_path: Path) -> None:
    """128k of context, which nobody asked for, would take more than the weights."""
    plan, _ = planned("Llama 3.2 3B", tmp_path)
    assert plan.needs["int8"].at(131072) > 14 * GB
    assert plan.choose("auto", 14 * GB) == "int8"
    assert 60_000 < plan.granted("int8", 14 * GB) < plan.longest("int8", 14 * GB) < 131072
    assert plan.granted("int8", 14 * GB, 4096) == 4096
    assert plan.granted("int8", None) == 131072
    assert plan.choose("auto", plan.needs["int4"].at(BLOCK)) == "int4"  # the least that anything runs with


def test_windows_and_the_precision_of_the_cache_count_as_they_are_held(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(sparse_checkpoint(SHAPES["Mistral 7B v0.1"], tmp_path / "model"))
    needs = {
        cache: plan_memory(checkpoint.weights, checkpoint.config, "jit", cache).needs["int8"].block
        for cache in ("auto", "float32", "float16", "int8")
    }
    numbers = 2 * 32 * 8 * 128 * BLOCK  # keys and values of all layers, whatever their window
    assert 2 * numbers < needs["float16"] == needs["auto"] < 2.2 * numbers
    assert needs["float32"] - needs["float16"] == 2 * numbers
    assert numbers * (1 + 4 / 128) < needs["int8"] < 1.2 * numbers


def test_auto_gives_way_to_what_leaves_enough() -> None:
    needs = {"float32": MemoryNeed(40, 1), "bfloat16": MemoryNeed(20, 1), "int8": MemoryNeed(10, 1)}
    needs["int4"] = MemoryNeed(5, 1)

    def auto(available: int | None, limit: int | None = None, parameters: int = 10**9, stored: str = "bfloat16") -> Any:
        return MemoryPlan(needs, parameters, stored, 64 * BLOCK).automatic(available, limit)

    assert auto(None) == auto(100) == "int8"
    assert auto(26, 16 * BLOCK) == "int8" and auto(25, 16 * BLOCK) == "int4"
    assert auto(12) == "int4" and auto(7) == "int4" and auto(5) is None
    assert auto(100, parameters=10**6) == "bfloat16" and auto(100, parameters=10**6, stored="float32") == "float32"
    assert auto(30, parameters=10**6) == "int8"
    assert auto(100, stored="int4") == "int4"


# Takes a model in, fills its context, and prints the most that this took beside what was foretold.
PEAK = """
import gc, sys
from pathlib import Path
from inference import Model
from tests.tiny_model import make_tiny_model

def status(key):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(key)) * 1024

directory, precision, context = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
warm = Model.load(make_tiny_model(directory / "warm"), precision)
warm.forward([1, 2, 3], warm.new_cache())
del warm
gc.collect()
before = status("VmRSS")
Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
model = Model.load(directory, precision)
cache = model.new_cache()
ids = [number % 250 for number in range(context)]
for start in range(0, context, 256):
    model.forward(ids[start : start + 256], cache, last_only=True)
need = Model.inspect(directory).plan.needs[precision]
print(status("VmHWM") - before, need.at(context))
"""
SMALL = {"num_attention_heads": 16, "num_key_value_heads": 8, "vocab_size": 16384, "rms_norm_eps": 1e-5}
SMALL |= {"rope_theta": 1e4, "tie_word_embeddings": True, "hidden_size": 1024, "num_hidden_layers": 6}
SMALL |= {"intermediate_size": 5632}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is Linux's to tell")
@pytest.mark.parametrize("precision", ["int8", "bfloat16"])
def test_a_load_takes_what_was_foretold(precision: str, tmp_path: Path) -> None:
    """The model is so large that the few megabytes which Python takes beside it count for little."""
    write_checkpoint(SMALL, tmp_path)
    command = [sys.executable, "-c", PEAK, str(tmp_path), precision, "6144"]
    taken, foretold = map(int, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
    assert foretold == pytest.approx(taken, rel=0.1)


def table() -> str:
    """A line per model: what ``auto`` chooses, and the context that it gets."""
    lines = [f"{'model':18} {'parameters':>10}" + "".join(f"  {f'{free} GB':>14}" for free in FREE)]
    for name in SHAPES:
        with tempfile.TemporaryDirectory() as directory:
            plan, _ = planned(name, Path(directory))
        cells = []
        for free in (gigabytes * GB for gigabytes in FREE):
            chosen = plan.automatic(free)
            cells.append(f"{chosen} {plan.granted(chosen, free)}" if chosen else "does not fit")
        lines.append(f"{name:18} {plan.parameters / 1e9:9.2f}B" + "".join(f"  {cell:>14}" for cell in cells))
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
