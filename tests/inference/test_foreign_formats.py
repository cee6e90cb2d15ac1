"""Checkpoints that cannot be read are named for what they are."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from inference import CheckpointError, InferenceError, Model, UnsupportedModelError


@pytest.fixture
def directory(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def rename_tensors(directory: Path, rename) -> None:
    path = directory / "model.safetensors"
    tensors = {rename(name): value for name, value in load_file(path).items()}
    path.unlink()
    save_file(tensors, path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "with GPTQ"),
        ({"quantization_config": {"quant_method": "awq"}}, "with AWQ"),
        ({"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}, "with bitsandbytes"),
        ({"quantization_config": {"quant_method": "fp8"}}, "with fp8"),
        ({"quantization_config": {"quant_method": "compressed-tensors"}}, "with compressed-tensors"),
        ({"quantization_config": {"quant_method": "new"}}, "with new"),
        ({"quantization_config": {"bits": 4}}, "in an unknown way"),
        ({"quantization_config": "4bit"}, "in an unknown way"),
        ({"quantization": {"group_size": 64, "bits": 4}}, "with MLX"),
    ],
)
def test_a_quantized_config_is_named(directory, changes, words):
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(UnsupportedModelError, match=f"quantized {words}, which is not supported; take the original"):
        Model.inspect(directory)


@pytest.mark.parametrize(
    ("added", "words"),
    [
        (("model.layers.0.mlp.up_proj.qweight", "model.layers.0.mlp.up_proj.g_idx"), "with GPTQ"),
        (("model.layers.0.mlp.up_proj.qweight", "model.layers.0.mlp.up_proj.scales"), "with AWQ"),
        (("model.layers.0.mlp.up_proj.weight.absmax",), "with bitsandbytes"),
        (("model.layers.0.mlp.up_proj.SCB",), "with bitsandbytes"),
        (("model.layers.0.mlp.up_proj.weight_scale_inv",), "with fp8"),
        (("model.layers.0.mlp.up_proj.scales", "model.layers.0.mlp.up_proj.biases"), "with MLX"),
        (("base_model.model.model.layers.0.mlp.up_proj.lora_A.weight",), "adapter"),
    ],
)
def test_tensors_of_another_kind_are_named(directory, added, words):
    path = directory / "model.safetensors"
    tensors = load_file(path) | dict.fromkeys(added, np.zeros(4, np.float32))
    path.unlink()
    save_file(tensors, path)
    with pytest.raises(UnsupportedModelError, match=words):
        Model.inspect(directory)


def test_fp8_is_named_by_its_tensors(directory):
    path = directory / "model.safetensors"
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    for tensor in header.values():
        if "shape" in tensor:
            tensor |= {"dtype": "F8_E4M3", "shape": [*tensor["shape"][:-1], tensor["shape"][-1] * 4]}
    written = json.dumps(header).encode()
    path.write_bytes(len(written).to_bytes(8, "little") + written + data[8 + size :])
    with pytest.raises(UnsupportedModelError, match="with fp8"):
        Model.inspect(directory)


@pytest.mark.parametrize("prefix", ["transformer.", "language_model.", "module."])
def test_a_foreign_prefix_is_named(directory, prefix):
    rename_tensors(directory, lambda name: prefix + name)
    with pytest.raises(UnsupportedModelError, match=f"tensors are named {prefix}"):
        Model.inspect(directory)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"adapter_config.json": "{}", "adapter_model.safetensors": ""}, r"is an adapter \(LoRA\)"),
        ({"it-Q4_0.gguf": ""}, "Pass one of them"),
        ({"params.json": "{}", "consolidated.safetensors": ""}, "makers' own format"),
        ({"config.json": "copied", "model.npz": ""}, "MLX's older format"),
        ({"config.json": "copied", "model.onnx": ""}, "ONNX"),
        ({"config.json": "copied", "pytorch_model.bin": ""}, "pickled"),
        ({"config.json": "copied"}, "download all of its files"),
    ],
)
def test_a_directory_of_something_else_is_named(tiny_model, tmp_path, files, words):
    for name, content in files.items():
        copied = (tiny_model / name).read_text() if content == "copied" else content
        (tmp_path / name).write_text(copied)
    with pytest.raises(InferenceError, match=words):
        Model.load(tmp_path)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_git_lfs_pointer_is_named(directory, name):
    pointer = (
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32\nsize 9\n"
    )
    (directory / name).write_text(pointer)
    with pytest.raises(CheckpointError, match=f"{name} is a Git LFS pointer.*git lfs pull"):
        Model.load(directory)


def test_a_pointer_to_a_gguf_is_named(tmp_path):
    (tmp_path / "it.gguf").write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(CheckpointError, match="Git LFS pointer"):
        Model.inspect(tmp_path / "it.gguf")
