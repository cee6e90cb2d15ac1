"""The tokenizer of a model directory: ``tokenizer.json``, or what older models have in its place."""

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from inference.checkpoint.gguf_tokenizer import TokenType, tokenizer_json
from inference.checkpoint.sentencepiece_file import sentencepiece_metadata
from inference.errors import CheckpointError
from inference.system.json_file import parse_json
from inference.system.regular_file import read_bytes

MAX_TOKENIZER_BYTES = 64 * 2**20
NAMES = ("tokenizer.json", "tokenizer.model", "vocab.json")
# Pre-tokenizers of vocab.json and merges.txt, which do not say theirs.
CLASSES = {"GPT2Tokenizer": "gpt-2", "Qwen2Tokenizer": "qwen2"}


def tokenizer_path(directory: Path) -> Path:
    """Return the file of the tokenizer; ``tokenizer.json`` if there is none."""
    return next((directory / name for name in NAMES if (directory / name).exists()), directory / NAMES[0])


def read_tokenizer_json(path: Path, settings: Mapping[str, Any]) -> bytes:
    """Return the tokenizer in ``path`` as a ``tokenizer.json``.

    ``settings``: those of ``tokenizer_config.json`` and ``special_tokens_map.json``. Raises CheckpointError.
    """
    try:
        content = read_bytes(path, MAX_TOKENIZER_BYTES)
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing; a model directory needs it.") from None
    if path.name == "tokenizer.json":
        return content
    metadata = _sentencepiece(content, path, settings) if path.suffix == ".model" else _bpe(content, path, settings)
    return tokenizer_json(metadata, path)


def _sentencepiece(content: bytes, path: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    try:
        metadata = sentencepiece_metadata(content)
    except (ValueError, IndexError, KeyError, AttributeError, TypeError, struct.error) as error:
        why = str(error) if type(error) is ValueError else "it is damaged"
        raise CheckpointError(f"{path} cannot be used as a tokenizer ({why}). {_advice(path)}") from None
    metadata["tokenizer.ggml.add_bos_token"] = settings.get("add_bos_token") is not False
    metadata["tokenizer.ggml.add_eos_token"] = settings.get("add_eos_token") is True
    return metadata


def _bpe(content: bytes, path: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    pre = CLASSES.get(str(settings.get("tokenizer_class")).removesuffix("Fast"))
    if pre is None or settings.get("add_prefix_space") is True:
        raise CheckpointError(
            f"{path} does not say how it splits text, which only {' and '.join(CLASSES)} make clear. {_advice(path)}"
        )
    ids = parse_json(content, path)
    try:
        lines = read_bytes(path.with_name("merges.txt"), MAX_TOKENIZER_BYTES).decode("utf-8").splitlines()
    except (FileNotFoundError, UnicodeDecodeError):
        raise CheckpointError(f"{path} needs a merges.txt beside it. {_advice(path)}") from None
    if not all(isinstance(id_, int) for id_ in ids.values()) or sorted(ids.values()) != list(range(len(ids))):
        raise CheckpointError(f"{path} does not number its tokens from 0 on. {_advice(path)}")
    tokens, special = sorted(ids, key=lambda token: ids[token]), set(_special_tokens(settings))
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": pre,
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [TokenType.CONTROL if token in special else TokenType.NORMAL for token in tokens],
        "tokenizer.ggml.merges": [line for line in lines if line and not line.startswith("#version")],
        "tokenizer.ggml.add_bos_token": settings.get("add_bos_token") is True,
    }


def _special_tokens(settings: Mapping[str, Any]) -> Iterator[str]:
    for key, value in settings.items():
        token = value.get("content") if isinstance(value, dict) else value
        if key.endswith("_token") and isinstance(token, str):
            yield token


def _advice(path: Path) -> str:
    return (
        "To make a tokenizer.json, use transformers: "
        f"AutoTokenizer.from_pretrained({str(path.parent)!r}).save_pretrained({str(path.parent)!r})."
    )
