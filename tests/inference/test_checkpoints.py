"""Strangers' model directories: the good ones load, every bad one ends in one sentence."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

import inference.model as model_module
from inference import (
    CheckpointError,
    InferenceError,
    MemoryLimitError,
    Model,
    ParameterError,
    TemplateError,
    UnsupportedModelError,
)
from inference.checkpoint.safetensors_weights import SafetensorsWeights
from tests.tiny_model import make_tiny_model, make_tokenizer

GOLDENS = Path(__file__).parent.parent / "goldens"


@pytest.fixture
def directory(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def edit_config(directory: Path, **changes) -> None:
    path = directory / "config.json"
    config = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in config.items() if value != "absent"}))


def edit_weights(directory: Path, change) -> None:
    path = directory / "model.safetensors"
    weights = load_file(path)
    change(weights)
    path.unlink()
    save_file(weights, path)


def refusal(directory: Path) -> str:
    with pytest.raises(InferenceError) as raised:
        Model.load(directory)
    sentence = str(raised.value)
    assert "\n" not in sentence
    assert len(sentence) < 500
    return sentence


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"model_type": "bloom"}, UnsupportedModelError, "bloom"),
        ({"model_type": "absent"}, CheckpointError, "model_type"),
        ({"architectures": ["LlamaForSequenceClassification"]}, UnsupportedModelError, "SequenceClassification"),
        ({"hidden_act": "gelu"}, UnsupportedModelError, "gelu"),
        ({"rope_scaling": {"type": "spiral", "factor": 2.0}}, UnsupportedModelError, "spiral"),
        ({"rope_scaling": {"type": "yarn", "rope_type": "linear", "factor": 2.0}}, CheckpointError, "rope_type"),
        ({"rope_scaling": {"type": "longrope", "long_factor": [1.0]}}, CheckpointError, "short_factor"),
        ({"rope_scaling": {"type": "yarn", "factor": 2, "beta_fast": 1}}, CheckpointError, "beta_fast"),
        ({"rope_scaling": {"rope_type": "linear", "factor": "two"}}, CheckpointError, "factor"),
        ({"model_type": "mistral", "architectures": None, "rope_theta": None}, CheckpointError, "no rope_theta"),
        ({"rope_parameters": {"rope_theta": 5.0, "rope_type": "default"}}, CheckpointError, "rope_theta"),
        (
            {"rope_scaling": {"type": "linear", "factor": 2.0}, "rope_parameters": {"rope_type": "default"}},
            CheckpointError,
            "rope_type",
        ),
        (
            {"rope_parameters": {"full_attention": {"rope_theta": 5.0}, "sliding_attention": {"rope_theta": 6.0}}},
            CheckpointError,
            "rope_theta",
        ),
        ({"num_attention_heads": 3}, CheckpointError, "heads"),
        ({"num_key_value_heads": 3}, CheckpointError, "heads"),
        ({"head_dim": 7}, CheckpointError, "head_dim"),
        ({"hidden_size": -32}, CheckpointError, "hidden_size"),
        ({"hidden_size": 1e99}, CheckpointError, "hidden_size"),
        ({"hidden_size": "32"}, CheckpointError, "hidden_size"),
        ({"num_hidden_layers": 10**9}, CheckpointError, "num_hidden_layers"),
        ({"num_hidden_layers": 3}, CheckpointError, "missing"),
        ({"num_hidden_layers": 1}, CheckpointError, "unexpected tensor"),
        ({"vocab_size": 400}, CheckpointError, "shape"),
        ({"rms_norm_eps": None}, CheckpointError, "rms_norm_eps"),
        ({"eos_token_id": 10**6}, CheckpointError, "eos_token_id"),
        ({"tie_word_embeddings": False}, CheckpointError, "lm_head"),
    ],
)
def test_configs_that_are_refused(directory, changes, kind, words):
    edit_config(directory, **changes)
    with pytest.raises(kind, match=words):
        Model.load(directory)
    assert words in refusal(directory)


def test_a_llama_without_a_rope_theta_says_what_is_assumed(directory):
    edit_config(directory, rope_theta="absent")
    model = Model.load(directory)
    assert model.config.ropes[0].rope_theta == 10000
    assert [warning for warning in model.warnings if "rope_theta" in warning] == list(model.warnings)
    assert len(model.warnings) == 1


def test_files_that_are_missing_or_broken(directory, tmp_path):
    assert "not a directory" in refusal(tmp_path / "nowhere")
    for name, words in (
        ("config.json", "missing"),
        ("tokenizer.json", "missing"),
        ("model.safetensors", "safetensors"),
    ):
        copy = Path(shutil.copytree(directory, tmp_path / f"without-{name}"))
        (copy / name).unlink()
        assert words in refusal(copy)
    (directory / "model.safetensors").rename(directory / "pytorch_model.bin")
    assert "pickled" in refusal(directory)


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, '{"a": 1e999999}', "\x00\xff"])
def test_a_config_that_is_no_json_object(directory, text):
    (directory / "config.json").write_text(text, encoding="latin-1")
    assert "config.json" in refusal(directory)


@pytest.mark.parametrize("kept", [0, 4, 8, 100, 5000, -1])
def test_cut_short(directory, kept):
    path = directory / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    assert "model.safetensors" in refusal(directory)


def test_trailing_bytes(directory):
    path = directory / "model.safetensors"
    path.write_bytes(path.read_bytes() + b"x")
    assert "damaged" in refusal(directory)


def header_of(path: Path) -> tuple[dict, bytes]:
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    return json.loads(data[8:end]), data[end:]


def write_header(path: Path, header: object, data: bytes) -> None:
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


LIES = st.one_of(
    st.none(), st.integers(-(2**70), 2**70), st.text(max_size=5), st.lists(st.integers(-5, 2**66), max_size=4)
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_headers_that_lie(tiny_model, tmp_path_factory, data):
    directory = Path(shutil.copytree(tiny_model, tmp_path_factory.mktemp("lies") / "model"))
    path = directory / "model.safetensors"
    header, tensors = header_of(path)
    name = data.draw(st.sampled_from(sorted(set(header) - {"__metadata__"})))
    before = json.dumps(header)
    if data.draw(st.booleans()):
        header[name][data.draw(st.sampled_from(["dtype", "shape", "data_offsets"]))] = data.draw(LIES)
    else:
        header[name] = data.draw(LIES)
    if json.dumps(header) != before:
        write_header(path, header, tensors)
        assert "model" in refusal(directory)


def test_a_terabyte_claimed_in_a_small_file(directory):
    path = directory / "model.safetensors"
    header, tensors = header_of(path)
    header["model.norm.weight"] = {"dtype": "F32", "shape": [2**38], "data_offsets": [0, 2**40]}
    write_header(path, header, tensors)
    assert "does not fit" in refusal(directory)
    path.write_bytes((2**62).to_bytes(8, "little") + b"{}")
    assert "header claims" in refusal(directory)


def test_tensors_that_do_not_belong(directory):
    edit_weights(directory, lambda w: w.update({"model.layers.0.self_attn.q_norm.weight": np.ones(8, np.float32)}))
    assert "q_norm" in refusal(directory)


def test_an_exotic_dtype(directory):
    edit_weights(directory, lambda w: w.update({"model.norm.weight": w["model.norm.weight"].astype(np.float64)}))
    assert "F64" in refusal(directory)


def test_tied_under_either_name(directory, tiny_model):
    expected = Model.load(tiny_model)
    edit_weights(directory, lambda w: w.update({"lm_head.weight": w.pop("model.embed_tokens.weight")}))
    model = Model.load(directory)
    assert (model.forward([5], model.new_cache()) == expected.forward([5], expected.new_cache())).all()


def test_an_index_cannot_lead_out_of_the_directory(directory):
    (directory / "model.safetensors").rename(directory.parent / "outside.safetensors")
    index = {"weight_map": {"model.norm.weight": "../outside.safetensors"}}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "outside" in refusal(directory)


def test_too_big_for_memory_names_the_numbers_and_what_fits(directory, monkeypatch):
    needs = Model.inspect(directory).plan.needs
    monkeypatch.setattr(model_module, "available_memory", lambda: needs["bfloat16"].at(256))
    with pytest.raises(MemoryLimitError, match="bfloat16 would fit"):
        Model.load(directory, precision="float32")
    assert (Model.load(directory).precision, Model.load(directory).context) == ("bfloat16", 256)
    monkeypatch.setattr(model_module, "available_memory", lambda: 1000)
    with pytest.raises(MemoryLimitError, match=r"context of 256 tokens\), but 0 MB are free.*smaller model"):
        Model.load(directory)


def test_the_context_is_what_fits_or_less_if_that_was_asked_for(directory, monkeypatch):
    monkeypatch.delenv("LLM_TUI_KERNELS", raising=False)  # numpy's copies take more, and more while they are made
    edit_config(directory, max_position_embeddings=2**20)
    needs = Model.inspect(directory).plan.needs
    monkeypatch.setattr(model_module, "available_memory", lambda: needs["float32"].at(8192))
    model = Model.load(directory)
    assert (model.precision, model.longest_context) == ("float32", 8192)
    assert 8192 * 8 // 10 <= model.context < 8192 and not model.warnings  # others are left some
    model = Model.load(directory, context=5000)
    assert (model.context, model.longest_context, model.warnings) == (5000, 8192, ())
    model = Model.load(directory, "float32", context=10_000)
    assert model.context == 8192 and "10000 do not fit" in model.warnings[0]
    assert Model.load(directory, context=10_000).precision == "bfloat16"
    with pytest.raises(ParameterError):
        Model.load(directory, context=0)


def test_a_limit_above_what_the_model_can_have_is_a_warning(tiny_model):
    model = Model.load(tiny_model, context=8192)
    assert (model.context, model.longest_context) == (512, 512)
    assert model.warnings == (
        "The context is limited to 512 tokens, all that this model can have: 8192 were asked for.",
    )
    assert not Model.load(tiny_model, context=512).warnings


def test_inspect_reads_headers_only(directory, monkeypatch):
    monkeypatch.delenv("LLM_TUI_KERNELS", raising=False)
    info = Model.inspect(directory)
    weights = load_file(directory / "model.safetensors")
    assert info.parameters == sum(array.size for array in weights.values())
    assert (info.family, info.context, info.has_chat_template) == ("llama", 512, True)
    cache = 2 * 2 * 2 * 8 * 512 * 4
    assert cache <= info.plan.needs["float32"].at(512) - info.plan.needs["float32"].fixed <= 2.1 * cache
    assert info.plan.needs["float32"].fixed > 4 * info.parameters


def test_loading_does_not_look_at_all_tensors_for_each(tmp_path, monkeypatch):
    """A mixture of experts has tens of thousands: they were counted anew for each of them."""
    looks = []
    info = SafetensorsWeights.info
    monkeypatch.setattr(SafetensorsWeights, "info", lambda self, name: looks.append(name) or info(self, name))
    per_tensor = []
    for layers in (2, 16):
        looks.clear()
        Model.load(make_tiny_model(tmp_path / str(layers), num_hidden_layers=layers), "int8", backend="numpy")
        per_tensor.append(len(looks) / len(set(looks)))
    assert per_tensor[1] < per_tensor[0] + 1


def test_an_unknown_precision_is_named(directory):
    with pytest.raises(UnsupportedModelError, match="int3"):
        Model.load(directory, precision="int3")


def test_progress_counts_bytes_and_can_cancel(directory):
    seen = []
    Model.load(directory, progress=lambda done, total, what: seen.append((done, total)))
    assert seen[0][0] == 0
    assert seen[-1][0] == seen[-1][1] == sum(a.nbytes for a in load_file(directory / "model.safetensors").values())

    def cancel(done, total, what):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Model.load(directory, progress=cancel)


def test_end_tokens_come_from_all_files(directory):
    (directory / "generation_config.json").write_text(json.dumps({"eos_token_id": [7, 9]}))
    assert Model.load(directory).eos_token_ids == {2, 7, 9}


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff", b"version https://git-lfs.github.com/spec/v1\n"])
@pytest.mark.parametrize("name", ["generation_config.json", "special_tokens_map.json"])
def test_a_broken_optional_file_blocks_nothing_and_is_named(directory, name, content):
    (directory / name).write_bytes(content)
    (warning,) = Model.load(directory).warnings
    assert warning.startswith(str(directory / name)) and warning.endswith("Until then it is ignored.")


def test_a_broken_chat_template_blocks_only_chats(directory):
    (directory / "chat_template.jinja").write_bytes(b"\xff\xfe")
    model = Model.load(directory)
    assert model.chat_template is None and "chat_template.jinja is not readable as text" in model.no_chat
    with pytest.raises(TemplateError, match="not readable"):
        Model.load(directory, chat=True)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("precision", "backend"), [("int8", "numpy"), ("int4", "numpy"), ("int4", "jit")])
def test_a_weight_that_is_no_number_is_refused_while_packing(directory, bad, precision, backend):
    def damage(weights):
        weights["model.layers.1.mlp.down_proj.weight"][7, 40] = bad

    edit_weights(directory, damage)
    with pytest.raises(CheckpointError, match=r"layers\.1\.down_proj has weights that are NaN or infinite"):
        Model.load(directory, precision, backend=backend, cache_limit=0)


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize(
    ("model", "stored", "name"),
    [
        ("olmo2", "model.norm.weight", "norm"),
        ("olmo2", "model.layers.1.post_feedforward_layernorm.weight", "layers.1.post_mlp_norm"),
        ("olmo2", "model.layers.0.self_attn.k_norm.weight", "layers.0.key_norm"),
        ("llama-biases", "model.layers.1.self_attn.q_proj.bias", "layers.1.q_proj.bias"),
        ("mixtral", "model.layers.0.block_sparse_moe.gate.weight", "layers.0.router"),
    ],
)
def test_a_norm_bias_or_router_that_is_no_number_is_refused(model, stored, name, precision, backend, tmp_path):
    """They are float32 in every precision, so that none is packed."""
    copy = Path(shutil.copytree(GOLDENS / model, tmp_path / model))
    make_tokenizer().save(str(copy / "tokenizer.json"))

    def damage(weights):
        weights[stored].flat[3] = np.nan

    edit_weights(copy, damage)
    with pytest.raises(CheckpointError, match=rf"{name} has weights that are NaN or infinite"):
        Model.load(copy, precision, backend=backend)
