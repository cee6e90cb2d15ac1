"""SentencePiece's ``tokenizer.model`` (github.com/google/sentencepiece, sentencepiece_model.proto), within bounds.

It becomes the metadata that a GGUF file has of such a tokenizer: the numbers of token types are the same.
"""

import struct
from collections.abc import Iterator
from typing import Any

MODEL_TYPES = {1: "t5", 2: "llama", 3: "words", 4: "characters"}
UNIGRAM, NORMAL, USER_DEFINED = 1, 1, 4
# Fields of the file: the pieces, what they were trained with, and what is done to text before.
PIECES, TRAINER, NORMALIZER = 1, 2, 3
MAX_PIECES = 1_000_000


def sentencepiece_metadata(content: bytes) -> dict[str, Any]:
    """Return the metadata. Raises ValueError, IndexError or struct.error for what is no such file."""
    pieces: list[dict[int, Any]] = []
    trainer: dict[int, Any] = {}
    normalizer: dict[int, Any] = {}
    for number, value in _fields(content):
        if number == PIECES:
            pieces.append(dict(_fields(value)))
        elif number == TRAINER:
            trainer = dict(_fields(value))
        elif number == NORMALIZER:
            normalizer = dict(_fields(value))
        if len(pieces) > MAX_PIECES:
            raise ValueError("it has too many pieces")
    types = [piece.get(3, NORMAL) for piece in pieces]
    texts = [piece[1].decode("utf-8") for piece in pieces]
    kind = MODEL_TYPES.get(trainer.get(3, UNIGRAM), "unknown")
    charsmap, squeezed = normalizer.get(2, b""), bool(normalizer.get(4, 1))
    if kind == "llama" and (charsmap or squeezed):
        raise ValueError("it normalizes text in a way that is not supported")
    values = {
        "model": kind,
        # Blanks of user-defined pieces are those of the text.
        "tokens": [
            text.replace("▁", " ") if type_ == USER_DEFINED else text for text, type_ in zip(texts, types, strict=True)
        ],
        "scores": [struct.unpack("<f", piece[2])[0] if 2 in piece else 0.0 for piece in pieces],
        "token_type": types,
        "unknown_token_id": _signed(trainer.get(40, 0)),
        "bos_token_id": _signed(trainer.get(41, 1)),
        "eos_token_id": _signed(trainer.get(42, 2)),
        "precompiled_charsmap": list(charsmap),
        "remove_extra_whitespaces": squeezed,
        "add_space_prefix": bool(normalizer.get(3, 1)),
    }
    return {f"tokenizer.ggml.{key}": value for key, value in values.items()}


def _fields(content: bytes) -> Iterator[tuple[int, Any]]:
    """Read the fields of a message of Protocol Buffers: numbers, and bytes of everything else."""
    position = 0
    while position < len(content):
        key, position = _number(content, position)
        kind, value = key & 7, None
        if kind == 0:
            value, position = _number(content, position)
            yield key >> 3, value
            continue
        if kind == 2:
            size, position = _number(content, position)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"it has a field of the unknown type {kind}")
        if size > len(content) - position:
            raise ValueError("it is cut short")
        yield key >> 3, content[position : position + size]
        position += size


def _number(content: bytes, position: int) -> tuple[int, int]:
    """Read a number of up to ten bytes; return it and the position behind it."""
    value = 0
    for shift in range(0, 70, 7):
        byte = content[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("it has a number of more than ten bytes")


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value
