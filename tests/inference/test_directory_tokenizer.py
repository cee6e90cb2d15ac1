"""Directories without a tokenizer.json: SentencePiece's file, vocab.json with merges.txt, or a sentence."""

import json
import random
import struct
from pathlib import Path
from typing import Any

import pytest

from inference import CheckpointError, InferenceError, Tokenizer
from inference.checkpoint.checkpoint import HuggingFaceDirectory
from inference.checkpoint.gguf_tokenizer import tokenizer_json
from tests.inference.test_gguf_tokenizer import PATH, described, sentencepiece_bpe, unigrams
from tests.tiny_model import make_tokenizer


def number(value: int) -> bytes:
    return bytes([value]) if value < 0x80 else bytes([value & 0x7F | 0x80]) + number(value >> 7)


def field(index: int, value: int | float | bytes) -> bytes:
    if isinstance(value, bytes):
        return number(index << 3 | 2) + number(len(value)) + value
    if isinstance(value, float):
        return number(index << 3 | 5) + struct.pack("<f", value)
    return number(index << 3) + number(value % 2**64)


def sentencepiece_file(metadata: dict[str, Any], kind: int, squeezed: int = 0) -> bytes:
    tokens, scores, types = (metadata[f"tokenizer.ggml.{key}"] for key in ("tokens", "scores", "token_type"))
    pieces = [
        field(1, field(1, token.encode()) + field(2, float(score)) + field(3, int(type_)))
        for token, score, type_ in zip(tokens, scores, types, strict=True)
    ]
    ids = field(40, 0) + field(41, 1) + field(42, 2) + field(43, -1)
    return b"".join(pieces) + field(2, field(3, kind) + ids) + field(3, field(3, 1) + field(4, squeezed))


def settings(directory: Path, **values: Any) -> None:
    (directory / "tokenizer_config.json").write_text(json.dumps(values))


def load(directory: Path) -> Tokenizer:
    return Tokenizer.load(HuggingFaceDirectory(directory))


def test_sentencepiece_bpe(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes(sentencepiece_file(sentencepiece_bpe(), kind=2))
    checkpoint = HuggingFaceDirectory(tmp_path)
    made, expected = json.loads(checkpoint.tokenizer_json), json.loads(tokenizer_json(sentencepiece_bpe(), PATH))
    assert made["model"] == expected["model"] and made["added_tokens"] == expected["added_tokens"]
    tokenizer = load(tmp_path)
    ids = tokenizer.encode("hi the </s>")
    assert ids[0] == 1 and tokenizer.decode(ids) == "hi the </s>" and 2 not in ids
    settings(tmp_path, add_bos_token=False, add_eos_token=True)
    assert load(tmp_path).encode("") == [2]


def test_sentencepiece_unigram(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes(sentencepiece_file(unigrams(), kind=1))
    made = json.loads(HuggingFaceDirectory(tmp_path).tokenizer_json)
    assert made["model"]["type"] == "Unigram" and load(tmp_path).encode("hi")


def write_bpe(directory: Path, **values: Any) -> None:
    model = described(make_tokenizer())["model"]
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    (directory / "vocab.json").write_text(json.dumps(model["vocab"]))
    (directory / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]))
    settings(directory, eos_token="<|im_end|>", **values)


def test_vocabulary_and_merges(tmp_path: Path) -> None:
    write_bpe(tmp_path, tokenizer_class="GPT2Tokenizer")
    tokenizer, original = load(tmp_path), make_tokenizer()
    for text in ("Once upon a time, naïve 東京!", "\n\n  x", ""):
        assert tokenizer.encode(text) == original.encode(text).ids
    assert 2 not in tokenizer.encode("<|im_end|>") and tokenizer.encode_control("<|im_end|>") == [2]


@pytest.mark.parametrize("values", [{}, {"tokenizer_class": "FooTokenizer"}, {"tokenizer_class": 7}])
def test_how_text_is_split_is_not_guessed(values: dict[str, Any], tmp_path: Path) -> None:
    write_bpe(tmp_path, **values)
    with pytest.raises(CheckpointError, match=r"vocab\.json does not say how it splits text.*make a tokenizer\.json"):
        load(tmp_path)


def test_what_cannot_be_used_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"tokenizer\.json is missing"):
        load(tmp_path)
    write_bpe(tmp_path, tokenizer_class="Qwen2TokenizerFast")
    (tmp_path / "merges.txt").unlink()
    with pytest.raises(CheckpointError, match=r"needs a merges\.txt"):
        load(tmp_path)
    (tmp_path / "vocab.json").write_text(json.dumps({"a": 0, "b": 2}))
    (tmp_path / "merges.txt").write_text("")
    with pytest.raises(CheckpointError, match="does not number its tokens"):
        load(tmp_path)
    file = tmp_path / "tokenizer.model"
    good = sentencepiece_file(sentencepiece_bpe(), kind=2)
    for content, words in [
        (good[:-3], "cut short"),
        (b"\xff" * 40, "more than ten bytes|unknown type"),
        (b"", "not a list of texts|kind"),
        (sentencepiece_file(sentencepiece_bpe(), kind=2, squeezed=1), "normalizes text"),
        (sentencepiece_file(sentencepiece_bpe(), kind=4), "kind 'characters'"),
        (field(1, 7), "damaged"),
    ]:
        file.write_bytes(content)
        with pytest.raises(InferenceError, match=words) as raised:
            _ = HuggingFaceDirectory(tmp_path).tokenizer_json
        assert "\n" not in str(raised.value) and "tokenizer.model" in str(raised.value)


def test_damaged_files_are_refused_or_read(tmp_path: Path) -> None:
    chance, good = random.Random(7), sentencepiece_file(unigrams(), kind=1)
    for _ in range(200):
        at = chance.randrange(len(good))
        (tmp_path / "tokenizer.model").write_bytes(good[:at] + bytes([chance.randrange(256)]) + good[at + 1 :])
        try:
            json.loads(HuggingFaceDirectory(tmp_path).tokenizer_json)
        except InferenceError as error:
            assert "\n" not in str(error) and len(str(error)) < 600
