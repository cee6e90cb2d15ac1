"""GGUF files: the same model as in a directory, whatever its tensors are stored as and however it is split."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import gguf
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from inference import CheckpointError, Model, SamplingParams, UnsupportedModelError
from inference.checkpoint import weight_cache
from inference.checkpoint.checkpoint import open_checkpoint
from inference.checkpoint.weight_cache import Shelf
from inference.kernels import packed_matrix
from inference.kernels.layout import INT4_MINIMUMS, INT8
from inference.kernels.packed_matrix import PackedMatrix
from inference.kernels.quantized_matrix import QuantizedMatrix
from inference.transformer.builder import build, form_of
from inference.transformer.kv_cache import KVCache
from tests.gguf_models import make_gguf
from tests.tiny_model import make_tiny_model

GOLDENS = Path(__file__).parent.parent / "goldens"
IDS = [5, 6, 7, 8, 30, 2, 9, 40, 41, 5, 3]


def logits(path: Path, precision: str = "float32", backend: str = "numpy", ids: list[int] = IDS) -> np.ndarray:
    """Of a model that may have no tokenizer."""
    transformer = build(open_checkpoint(path), precision, backend, None, lambda *progress: None, Shelf(0))
    cache = KVCache(transformer.config, np.float32, transformer.fingerprint, transformer.tiled)
    return transformer.forward_batch([(ids, cache)])[0]


@pytest.mark.parametrize(
    "name",
    [
        "granite",
        "granitemoe-float16",
        "llama-biases",
        "llama-linear-rope",
        "llama-odd-heads",
        "llama-tied",
        "llama3-rope-v4",
        "mistral-no-window",
        "mixtral",
        "olmo2",
        "olmo3",
        "phi3-longrope",
        "phi3-longrope-short-bfloat16",
        "qwen2-tied",
        "qwen3",
        "qwen3-yarn-float16",
    ],
)
def test_the_same_logits_as_transformers(name, tmp_path):
    golden = load_file(GOLDENS / name / "golden.safetensors")
    path = make_gguf(GOLDENS / name, tmp_path / "it.gguf")
    assert np.abs(logits(path, ids=golden["token_ids"].tolist()) - golden["logits"]).max() < 2e-4


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("gemma2", {"query_pre_attn_scalar": 12}),
        ("gemma3-text", {"query_pre_attn_scalar": 12}),
        ("gemma3-text-linear-float16", {"query_pre_attn_scalar": 12}),
        ("smollm3", {"no_rope_layers": [1, 1], "layer_types": None}),
    ],
)
def test_what_follows_from_the_architecture_is_not_in_the_metadata(name, changes, tmp_path):
    """How attention is scaled, and which layers have no rotary embedding: always the same in models that exist."""
    model = Path(shutil.copytree(GOLDENS / name, tmp_path / name))
    config = json.loads((model / "config.json").read_text()) | changes
    (model / "config.json").write_text(json.dumps(config))
    assert (logits(make_gguf(model, tmp_path / "it.gguf")) == logits(model)).all()


def test_the_windows_of_gemma_3_layer_by_layer(tmp_path):
    for pattern in (3, [True, True, False], [False, True, True]):
        path = make_gguf(
            GOLDENS / "gemma3-text", tmp_path / "it.gguf", gemma3__attention__sliding_window_pattern=pattern
        )
        layers = open_checkpoint(path).config.layers
        windowed = pattern if isinstance(pattern, list) else [True, True, False]
        assert [layer.window for layer in layers] == [7 if slides else None for slides in windowed]
        assert [layer.rope for layer in layers] == [int(slides) for slides in windowed]


def test_the_windows_of_olmo_3(tmp_path):
    """Its architecture is that of OLMo 2, which has none: all layers but each fourth, or those that the file says."""
    for more, windows in (
        ({}, [7, 7, 7, None]),
        (
            {"olmo2__attention__sliding_window_pattern": [False, True, True, False]},
            [None, 7, 7, None],
        ),
    ):
        config = open_checkpoint(make_gguf(GOLDENS / "olmo3", tmp_path / "it.gguf", **more)).config
        assert config.model_type == "olmo3"
        assert [layer.window for layer in config.layers] == windows
        assert [config.ropes[layer.rope].rope_type for layer in config.layers] == (
            ["default" if window else "yarn" for window in windows]
        )


def test_qwen3_moe(tmp_path):
    """In GGUF every layer has experts, whose weights are scaled to a sum of one: the golden model's second has none."""
    model = Path(shutil.copytree(GOLDENS / "qwen3-moe", tmp_path / "model"))
    make_every_layer_a_mixture(model)
    path = make_gguf(model, tmp_path / "it.gguf")
    assert open_checkpoint(path).config.layers == open_checkpoint(model).config.layers
    assert (logits(path) == logits(model)).all()


def make_every_layer_a_mixture(model: Path) -> None:
    """Give the layer of Qwen3-MoE's golden model without experts those of the first."""
    config = json.loads((model / "config.json").read_text()) | {"mlp_only_layers": []}
    (model / "config.json").write_text(json.dumps(config))
    tensors = load_file(model / "model.safetensors")
    first, plain = "model.layers.0.mlp.", "model.layers.1.mlp."
    tensors = {name: values for name, values in tensors.items() if not name.startswith(plain)}
    tensors |= {name.replace(first, plain): values for name, values in tensors.items() if name.startswith(first)}
    save_file(tensors, model / "model.safetensors")


def test_every_fourth_layer_of_smollm3_has_no_rotary_embedding(tmp_path):
    model = make_tiny_model(tmp_path / "tiny", num_hidden_layers=5, model_type="smollm3", architectures=None)
    ropes = [layer.rope for layer in open_checkpoint(make_gguf(model, tmp_path / "it.gguf")).config.layers]
    assert ropes == [0, 0, 0, None, 0]


@pytest.mark.parametrize(("kind", "precision"), [("F32", "float32"), ("F16", "float16"), ("BF16", "bfloat16")])
def test_floats_are_taken_as_stored(kind, precision, tmp_path):
    path = make_gguf(GOLDENS / "llama-tied", tmp_path / "it.gguf", kind)
    assert open_checkpoint(path).weights.precision == precision
    assert (logits(path, precision) == logits(path)).all()


@pytest.fixture(scope="module")
def wide_model(tmp_path_factory):
    """Wide enough for blocks of 256 weights."""
    sizes = {"hidden_size": 256, "intermediate_size": 256, "num_attention_heads": 8, "head_dim": 32}
    return make_tiny_model(tmp_path_factory.mktemp("models") / "wide", num_hidden_layers=2, **sizes)


EIGHT_BITS = ("Q8_0", "Q5_0", "Q5_1", "Q5_K", "Q6_K", "IQ4_NL")
FOUR_BITS = ("Q4_0", "Q4_1", "Q4_K")


def divergence(expected: np.ndarray, found: np.ndarray) -> float:
    """Mean KL divergence in nats of what the logits mean."""
    logs = [
        wide - np.log(np.exp(wide).sum(-1, keepdims=True)) for wide in (expected.astype(float), found.astype(float))
    ]
    return float((np.exp(logs[0]) * (logs[0] - logs[1])).sum(-1).mean())


@pytest.mark.parametrize("kind", [*EIGHT_BITS, *FOUR_BITS])
def test_quantized_weights_lose_next_to_nothing(kind, wide_model, tmp_path):
    """Beside the file's own weights; and what is close to the file's own size takes little more memory."""
    path = make_gguf(wide_model, tmp_path / "it.gguf", kind)
    weights = open_checkpoint(path).weights
    assert weights.precision == ("int8" if kind in EIGHT_BITS else "int4")
    stored = gguf.GGUFReader(path)
    tensor = next(tensor for tensor in stored.tensors if tensor.name == "blk.1.ffn_up.weight")
    assert (weights.array("layers.1.up_proj")[:] == gguf.dequantize(tensor.data, tensor.tensor_type)).all()
    ids = np.random.default_rng(0).integers(3, 380, 60).tolist()
    assert divergence(logits(path, ids=ids), logits(path, weights.precision, ids=ids)) < 2e-3
    if kind in FOUR_BITS:
        packed = QuantizedMatrix.pack(weights.array("layers.1.up_proj"), packing=INT4_MINIMUMS, backend="numpy")
        assert np.abs(packed.rows(np.arange(256)) - weights.array("layers.1.up_proj")[:]).max() <= (
            3e-4 if kind == "Q4_K" else 0
        )
    if kind in ("Q8_0", *FOUR_BITS):
        matrices = [name for name in weights if len(weights.info(name).shape) > 1]
        packed = sum(form_of(weights, [name], weights.precision).nbytes for name in matrices)
        assert packed <= 1.15 * sum(weights.info(name).nbytes for name in matrices)


def test_a_matrix_that_is_not_packed_like_its_neighbors(wide_model, tmp_path, backend):
    """As in Q4_K_M: one of the matrices that the compiled kernels multiply at once has more bits, so all take int8."""
    path = make_gguf(wide_model, tmp_path / "it.gguf", "Q4_K", kinds={"attn_v": "Q6_K", "ffn_down": "Q6_K"})
    weights = open_checkpoint(path).weights
    stack = [f"layers.0.{name}_proj" for name in "qkv"]
    assert [form_of(weights, [name], "int4").packing for name in stack] == [INT4_MINIMUMS, INT4_MINIMUMS, INT8]
    assert form_of(weights, stack, "int4").packing == INT8
    ids = np.random.default_rng(0).integers(3, 380, 60).tolist()
    assert divergence(logits(path, ids=ids), logits(path, "int4", backend, ids)) < 2e-3


def test_a_model_is_loaded_as_from_a_directory(tmp_path):
    model = make_tiny_model(tmp_path / "tiny")
    loaded, expected = (
        Model.load(make_gguf(model, tmp_path / "it.gguf"), backend="numpy"),
        Model.load(model, backend="numpy"),
    )
    text = "How is the weather today? Système, 東京"
    ids = expected.tokenizer.encode(text)
    assert loaded.tokenizer.encode(text) == ids
    assert (loaded.forward(ids, loaded.new_cache()) == expected.forward(ids, expected.new_cache())).all()
    assert loaded.eos_token_ids == expected.eos_token_ids


def test_four_bits_are_chosen_packed_once_and_mapped(tmp_path, monkeypatch):
    monkeypatch.setattr(weight_cache, "WORTH_SAVING", 2**10)
    path = make_gguf(make_tiny_model(tmp_path / "tiny"), tmp_path / "it.gguf", "Q4_1")

    def load() -> tuple[Model, list[str]]:
        stages: list[str] = []
        return Model.load(path, backend="numpy", progress=lambda done, total, what: stages.append(what)), stages

    (first, packing), (second, mapping) = load(), load()
    assert (first.precision, first.warnings) == ("int4", ())
    assert "packing weights" in packing and "packing weights" not in mapping
    assert (first.forward(IDS, first.new_cache()) == second.forward(IDS, second.new_cache())).all()


def test_a_file_that_is_cut_while_in_use_is_noticed(tmp_path):
    path = make_gguf(make_tiny_model(tmp_path / "tiny"), tmp_path / "it.gguf", "Q8_0")
    model = Model.load(path, backend="numpy")
    os.truncate(path, 4096)
    with pytest.raises(CheckpointError, match="changed while it was in use"):
        model.forward(IDS, model.new_cache())


# Packs matrices in chunks of sixteen rows, and cuts the file as soon as the first of them is read.
CUT_WHILE_PACKING = """
import os, sys
from inference import InferenceError, Model
from inference.checkpoint.gguf_rows import QuantizedRows
from inference.kernels import quantized_matrix

def cut(rows, indices):
    found = blocks(rows, indices)
    os.truncate(sys.argv[1], 4096)
    return found

quantized_matrix.ROWS_AT_A_TIME = 16
blocks, QuantizedRows.blocks = QuantizedRows.blocks, cut
try:
    Model.load(sys.argv[1], backend="numpy", cache_limit=0)
except InferenceError as error:
    print(error)
"""


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_1"])
def test_a_file_that_is_cut_within_a_matrix_while_it_is_packed_is_noticed(kind, tmp_path):
    """In a process of its own: reading a mapping beyond the end of its file kills it."""
    path = make_gguf(make_tiny_model(tmp_path / "tiny"), tmp_path / "it.gguf", kind)
    result = subprocess.run([sys.executable, "-c", CUT_WHILE_PACKING, str(path)], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"{path} has been changed while it was in use: start the program again.\n"


def test_the_compiled_kernels_look_before_each_chunk_of_floats_as_well():
    rows, looked = np.ones((80, 4), np.float32), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed_matrix, "BLOCKS_AT_A_TIME", 2)
        PackedMatrix.pack([rows, rows], [None, None], "float32", lambda: looked.append(1))
    assert len(looked) == 6


def test_a_split_model_is_opened_by_any_of_its_files(tmp_path):
    whole = make_gguf(GOLDENS / "llama-tied", tmp_path / "it.gguf")
    first = make_gguf(GOLDENS / "llama-tied", tmp_path / "it.gguf", files=3)
    files = sorted(tmp_path.glob("it-*.gguf"))
    assert [path.name for path in files] == [f"it-{number:05}-of-00003.gguf" for number in (1, 2, 3)]
    assert first == files[0]
    expected = logits(whole)
    for path in files:
        assert (logits(path) == expected).all()
        assert Model.inspect(path).size_on_disk == sum(file.stat().st_size for file in files)
    alone = tmp_path / "alone.gguf"
    shutil.copy(first, alone)
    with pytest.raises(CheckpointError, match="one of 3 files"):
        logits(alone)
    files[1].unlink()
    with pytest.raises(CheckpointError, match=r"00002-of-00003\.gguf is missing"):
        logits(first)


def test_inspect_tells_what_the_metadata_say(tmp_path):
    model = make_tiny_model(tmp_path / "tiny")
    directory = Model.inspect(model)
    info = Model.inspect(make_gguf(model, tmp_path / "it.gguf", tokenizer__chat_template="{{ messages }}"))
    assert (info.family, info.parameters, info.context) == (directory.family, directory.parameters, directory.context)
    assert (info.memory, info.stored, info.has_chat_template) == (directory.memory, "float32", True)


@pytest.mark.parametrize(
    ("metadata", "kind", "words"),
    [
        ({"general__architecture": "bloom"}, UnsupportedModelError, "'bloom' are not supported"),
        ({"llama__expert_count": 8}, CheckpointError, "num_experts_per_tok"),
        ({"llama__block_count": 3}, CheckpointError, "tensor blk.2"),
        ({"llama__block_count": 1}, CheckpointError, "unexpected tensor 'blk.1"),
        ({"llama__attention__head_count": 3}, CheckpointError, "heads"),
        ({"llama__attention__head_count": "four"}, CheckpointError, "num_attention_heads is 'four'"),
        ({"llama__embedding_length": 64}, CheckpointError, "shape"),
        ({"llama__rope__scaling__type": "strange"}, UnsupportedModelError, "strange"),
        ({"llama__context_length": 0}, CheckpointError, "max_position_embeddings is 0"),
    ],
)
def test_metadata_that_are_refused(metadata, kind, words, tmp_path):
    path = make_gguf(GOLDENS / "llama-tied", tmp_path / "it.gguf", **metadata)
    with pytest.raises(kind, match=words) as raised:
        Model.inspect(path)
    assert str(path) in str(raised.value)


def test_a_chat_template_beside_the_file_outranks_its_own(tmp_path):
    path = make_gguf(make_tiny_model(tmp_path / "tiny"), tmp_path / "it.gguf", tokenizer__chat_template="{{ 1 }}")
    assert open_checkpoint(path).chat_template == "{{ 1 }}"
    (tmp_path / "chat_template.jinja").write_text("{{ 2 }}")
    assert open_checkpoint(path).chat_template == "{{ 2 }}"
    (tmp_path / "chat_template.jinja").write_bytes(b"\xff")
    assert "chat_template.jinja is not readable as text" in Model.load(path, backend="numpy").no_chat


def test_the_makers_recommendation_is_in_the_metadata_or_beside_the_file(tmp_path):
    path = make_gguf(
        GOLDENS / "llama-tied", tmp_path / "it.gguf", general__sampling__temp=0.25, general__sampling__top_k=7
    )
    assert SamplingParams.from_generation_config(open_checkpoint(path).generation_config) == (
        SamplingParams(temperature=0.25, top_k=7)
    )
    (tmp_path / "generation_config.json").write_text('{"temperature": 0.5, "top_p": 0.75}')
    assert SamplingParams.from_generation_config(open_checkpoint(path).generation_config) == (
        SamplingParams(temperature=0.5, top_k=7, top_p=0.75)
    )
