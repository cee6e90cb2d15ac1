"""Names checkpoints that this engine does not read for what they are, and what to take instead."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from inference.errors import CheckpointError, UnsupportedModelError

INSTEAD = "take the original in bfloat16 or float16, or a GGUF file"
# ``quant_method`` of config.json.
METHODS = {
    "gptq": "GPTQ",
    "awq": "AWQ",
    "bitsandbytes": "bitsandbytes",
    "fp8": "fp8",
    "fbgemm_fp8": "fp8",
    "mxfp4": "MXFP4",
    "compressed-tensors": "compressed-tensors",
    "hqq": "HQQ",
    "eetq": "EETQ",
    "quanto": "Quanto",
    "torchao": "TorchAO",
    "exl2": "ExLlama",
    "exl3": "ExLlama",
}
# ``model_type`` of the embedding models that inference/encoder.py reads.
ENCODER_TYPE = "bert"
# Endings of tensor names that only one way of quantizing has, the more telling first.
ENDINGS = {
    ".g_idx": "GPTQ",
    ".qweight": "AWQ",
    ".absmax": "bitsandbytes",
    ".SCB": "bitsandbytes",
    ".weight_scale_inv": "fp8",
    ".weight_scale": "fp8",
    ".scales": "MLX",
}
PICKLED = ("*.bin", "*.pth", "*.pt", "*.ckpt")


def refuse_directory(directory: Path) -> None:
    """Raise if the directory has something else than the config and weights of a Hugging Face model."""
    if (directory / "config.json").exists():
        return
    if (directory / "adapter_config.json").exists():
        raise UnsupportedModelError(
            f"{directory} is an adapter (LoRA), which only changes another model. "
            "Merge it into its base model, and take the result."
        )
    if any(directory.glob("*.gguf")):
        raise CheckpointError(f"{directory} holds GGUF files. Pass one of them, not the directory.")
    if (directory / "params.json").exists():
        raise UnsupportedModelError(
            f"{directory} is in its makers' own format (params.json). Take the Hugging Face version of the model."
        )


def refuse_quantized(values: Mapping[str, Any], source: Path) -> None:
    """Raise UnsupportedModelError if a ``config.json`` in ``source`` says that the weights are quantized."""
    stated = values.get("quantization_config") or values.get("compression_config")
    if stated:
        method = stated.get("quant_method") if isinstance(stated, dict) else None
        named = METHODS.get(str(method), str(method)[:40]) if method else "in an unknown way"
        raise _quantized(source, f"with {named}" if method else named)
    if values.get("quantization"):
        raise _quantized(source, "with MLX")


def refuse_encoder(values: Mapping[str, Any], source: Path) -> None:
    """Raise UnsupportedModelError if a ``config.json`` in ``source`` is that of an embedding model."""
    if values.get("model_type") == ENCODER_TYPE:
        raise UnsupportedModelError(f"{source} is an embedding model: it finds passages of documents, but cannot chat.")


def refuse_tensors(found: Mapping[str, str], wanted: Iterable[str], source: Path) -> None:
    """Raise UnsupportedModelError if the names and dtypes in ``found`` are those of another kind of checkpoint."""
    if any(".lora_A." in name or ".lora_B." in name for name in found):
        raise UnsupportedModelError(f"{source} holds an adapter (LoRA). Merge it into its base model.")
    for ending, method in ENDINGS.items():
        if any(name.endswith(ending) for name in found):
            raise _quantized(source, f"with {method}")
    if any(dtype.startswith("F8_") for dtype in found.values()):
        raise _quantized(source, "with fp8")
    prefix = _prefix(found, wanted)
    if prefix:
        raise UnsupportedModelError(
            f"{source}: its tensors are named {prefix}… and not as a language model's of this type. It is part of "
            "another model, or was saved by another program; take the version that its makers publish."
        )


def missing_weights(directory: Path) -> CheckpointError:
    """The error for a directory without safetensors."""
    if any(file for pattern in PICKLED for file in directory.glob(pattern)):
        hint = "its weights are pickled, which could run code: take a safetensors version"
    elif any(directory.glob("*.gguf")):
        hint = "pass one of its GGUF files"
    elif any(directory.glob("*.npz")):
        hint = f"its weights are in MLX's older format: {INSTEAD}"
    elif any(directory.glob("*.onnx")) or (directory / "onnx").is_dir():
        hint = f"its weights are in ONNX format: {INSTEAD}"
    else:
        hint = "download all of its files"
    return CheckpointError(f"{directory} holds no model.safetensors; {hint}.")


def _quantized(source: Path, how: str) -> UnsupportedModelError:
    return UnsupportedModelError(f"{source}: its weights are quantized {how}, which is not supported; {INSTEAD}.")


def _prefix(found: Iterable[str], wanted: Iterable[str]) -> str:
    """The first part of the first name, if no name is wanted."""
    names = set(found)
    first, dot, _ = min(names, default="").partition(".")
    return "" if names & set(wanted) else first + dot
