"""Tokenizers that fail, never end or take all memory do so in another process; what is loaded here can be used."""

import base64
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from inference import CheckpointError, InferenceError, Tokenizer
from inference.checkpoint.checkpoint import HuggingFaceDirectory
from inference.text.passed_trials import PassedTrials
from tests.attack.conftest import Attack
from tests.attack.tokenizer_zoo import ZOO
from tests.tiny_model import make_tokenizer

Description = dict[str, Any]


def replace(pattern: dict[str, str], content: str) -> Description:
    return {"type": "Replace", "pattern": pattern, "content": content}


def sequence(part: str, steps: list[Description]) -> Description:
    return {"type": "Sequence", part: steps}


def charsmap(table: bytes) -> Description:
    return {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(table).decode()}


def nested(depth: int) -> Description:
    step: Description = {"type": "Lowercase"}
    for _ in range(depth):
        step = sequence("normalizers", [step])
    return step


DOUBLE = sequence("normalizers", [replace({"String": "q"}, "qq")] * 40)
WORD = {"type": "WordPiece", "unk_token": "a", "continuing_subword_prefix": "##", "vocab": {"a": 0}}
SPLIT = {"type": "Split", "pattern": {"Regex": r"(a+)+(b+)+\1\2$"}, "behavior": "Isolated", "invert": False}
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}


def control(id_: int, content: str) -> Description:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": id_, "content": content, "special": True, **flags}


# What is put in the place of which part of an honest description, and what the sentence says of it.
HOSTILE: dict[str, tuple[str, Any, str]] = {
    "a damaged charsmap": ("normalizer", charsmap(b"\xff\xff\xff\xff"), "parse|cannot be used"),
    "a charsmap that leads out of itself": (
        "normalizer", charsmap((1024).to_bytes(4, "little") + b"\xff" * 1024 + b"abc\0"), "index out of bounds",
    ),
    "a charsmap that makes a page of a letter": (
        "normalizer", charsmap((4).to_bytes(4, "little") + b"\0" * 4 + b"x" * 5000 + b"\0"), "lengthens text",
    ),
    "a normaliser that doubles": ("normalizer", DOUBLE, "normalizer lengthens text too much"),
    "a normaliser that fills gaps": ("normalizer", replace({"Regex": ""}, "x" * 500), "lengthens"),
    "a normaliser that begins with a page": ("normalizer", {"type": "Prepend", "prepend": "x" * 9999}, "lengthens"),
    "a normaliser in itself": ("normalizer", nested(300), "recursion|cannot be used"),
    "bytes of bytes of bytes": ("pre_tokenizer", sequence("pretokenizers", [BYTE_LEVEL] * 40), "lengthens"),
    "an expression that goes back and back": ("pre_tokenizer", SPLIT, "retry-limit"),
    "a decoder that doubles": ("decoder", sequence("decoders", [replace({"String": "t"}, "tt")] * 40), "lengthens"),
    "words of any length": ("model", {**WORD, "max_input_chars_per_word": 10**9}, "max_input_chars_per_word"),
    "a long token": ("model", {**WORD, "max_input_chars_per_word": 9, "vocab": {"b" * 10**5: 1}}, "100000 characters"),
    "a long control token": ("added_tokens", [control(0, "x" * 10**5)], "100000 characters"),
    "many control tokens": ("added_tokens", [control(i, f"<{i}>") for i in range(20_000)], "20000 control tokens"),
    "many long control tokens": (
        "added_tokens", [control(i, f"<{i}>".ljust(1000, "x")) for i in range(4000)], "control tokens are too long",
    ),
    "no model": ("model", None, "cannot be used"),
    "no description of a token": ("added_tokens", [7], "cannot be used"),
    "no list of tokens": ("added_tokens", {"a": 7}, "cannot be used"),
    "an id below 0": ("model", {**WORD, "max_input_chars_per_word": 9, "vocab": {"a": -1}}, "cannot be used"),
    "a merge of nothing": ("model", {"type": "BPE", "vocab": {"a": 0}, "merges": ["a b"]}, "cannot be used"),
    "an unknown beyond": ("model", {"type": "Unigram", "unk_id": 7, "vocab": [["a", 0.0]]}, "cannot be used"),
    "an unknown kind": ("decoder", {"type": "Python", "code": "1"}, "cannot be used"),
}  # fmt: skip


def load(directory: Path, description: Any) -> Tokenizer:
    (directory / "tokenizer.json").write_text(json.dumps(description))
    return Tokenizer.load(HuggingFaceDirectory(directory))


def honest() -> Description:
    description: Description = json.loads(make_tokenizer().to_str())
    return description


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_tokenizers_are_refused(name: str, tmp_path: Path, attack: Attack) -> None:
    part, value, words = HOSTILE[name]
    with attack("tokenizers"), pytest.raises(CheckpointError, match=words) as raised:
        load(tmp_path, honest() | {part: value})
    assert "\n" not in str(raised.value) and str(raised.value).count("tokenizer.json") == 1


def test_one_that_does_not_come_to_an_end_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attack: Attack
) -> None:
    monkeypatch.setattr("inference.text.tokenizer.TRIAL_SECONDS", 0.02)
    with attack("tokenizers"), pytest.raises(CheckpointError, match="exceeded its time limit"):
        load(tmp_path, honest())


def test_one_that_takes_all_memory_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attack: Attack) -> None:
    monkeypatch.setattr("inference.text.tokenizer.TRIAL_MEMORY", 40 * 2**20)
    with attack("tokenizers"), pytest.raises(CheckpointError, match=r"memory limit|MemoryError"):
        load(tmp_path, honest())


def test_only_one_that_passed_is_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(tmp_path, honest())
    monkeypatch.setattr("inference.text.tokenizer.SandboxProcess", Mock(side_effect=InferenceError("tried")))
    load(tmp_path, honest())
    with pytest.raises(InferenceError, match="tried"):
        load(tmp_path, honest() | {"normalizer": {"type": "NFC"}})


def test_one_that_passed_is_not_tried_again_by_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.text.tokenizer._passed", PassedTrials())
    load(tmp_path, honest())
    monkeypatch.setattr("inference.text.tokenizer.SandboxProcess", Mock(side_effect=InferenceError("tried")))
    monkeypatch.setattr("inference.text.tokenizer._passed", PassedTrials())
    load(tmp_path, honest())
    for changed in ("inference.text.passed_trials.TRIAL", "inference.text.passed_trials.tokenizers.__version__"):
        with monkeypatch.context() as other, pytest.raises(InferenceError, match="tried"):
            other.setattr(changed, "another")
            load(tmp_path, honest())


def test_without_a_cache_directory_it_is_tried_once_by_each_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    trials = PassedTrials()
    trials.add("0")
    assert "0" in trials and "0" not in PassedTrials()


@pytest.mark.parametrize("kind", ["Unigram", "WordPiece", "blank-prefixing BPE"])
def test_honest_tokenizers_of_every_kind_pass(kind: str, tmp_path: Path) -> None:
    assert load(tmp_path, json.loads(ZOO[kind]().to_str())).encode("hi the hi")


def mutate(value: Any, chance: random.Random) -> Any:
    """The same with one thing changed, somewhere in it."""
    odd: list[Callable[[], Any]] = [
        lambda: None, lambda: -1, lambda: 2**31, lambda: 10**30, lambda: "", lambda: "▁" * 9, list, dict, lambda: 1e308,
        lambda: [value], lambda: {"type": "Sequence"}, lambda: True, lambda: "\ud800",
    ]  # fmt: skip
    if isinstance(value, dict) and value and chance.random() < 0.9:
        key = chance.choice(list(value))
        return {**value, key: mutate(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.9:
        index = chance.randrange(len(value))
        return [*value[:index], mutate(value[index], chance), *value[index + 1 :]]
    return chance.choice(odd)()


def test_damaged_tokenizers_are_refused_or_can_be_used(tmp_path: Path, attack: Attack, rounds: int) -> None:
    chance = random.Random(5)
    descriptions = [json.loads(make().to_str()) for make in ZOO.values()]
    for _ in range(10 * rounds):
        with attack("tokenizers"):
            try:
                tokenizer = load(tmp_path, mutate(chance.choice(descriptions), chance))
                assert tokenizer.vocab_size < 2**32
                tokenizer.decode(tokenizer.encode("hi </s> the"))
            except InferenceError as error:
                assert "\n" not in str(error) and len(str(error)) < 600
