"""The tokenizer of SmolLM2's GGUF file: the ids of its makers' tokenizer.json, and those of llama.cpp.

Prints how many texts have the same ids: pytest -n 0 tests/inference/test_smollm2_tokenizer.py
"""

import random
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
import tokenizers
from gguf import GGUFReader
from tokenizers import decoders, models, pre_tokenizers

from inference import Tokenizer
from inference.checkpoint.checkpoint import open_checkpoint
from tests.smollm2 import smollm2

TEXTS = 10_000
PARTS = [
    "the", " the", "Paris", "I'll", "they'VE", "'s", "'", "don't", "naïve", "façade", "e\u0301", "東京", "ひらがな",
    "한국어", "مرحبا", "नमस्ते", "🙂", "👩‍👩‍👧", "𝒳", "ſ", "ß", "İ", "K", "Ⅷ", "½", "²", "①", "0", "7", "1234567890",
    "3.14", " ", "  ", "   ", "\t", "\n", "\n\n", "\r\n", " \n ", "\u00a0", "\u2003", "\u3000", "\u200b", "\u0085",
    "\u2028", "\0", "\x1b[0m", "\x7f", ".", "...", "!?", "—", "«", "€", "_", "__init__", "{}", "</", "<|", "|>",
    "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|im_end", "im_start|>", "<repo_name>", "Ġ", "Ċ", "▁", "�",
    "def f(x):\n    return x", "https://a.b/c?d=e&f", "a" * 40, "ab" * 30, "=" * 20, "\ufeff", "\U000e0001",
]  # fmt: skip


# In PARTS, and in every version since 2010.
ASSIGNED_LATER = "👩👧🙂"


def texts(accepted: Callable[[str], bool] = lambda text: True) -> list[str]:
    """Parts that are hard for tokenizers, and characters from all of Unicode."""
    chance = random.Random(13)
    planes = [(0x20, 0x7F), (0, 0x250), (0x250, 0x3000), (0x3000, 0xD800), (0xE000, 0x10000), (0x10000, 0x110000)]

    def character() -> str:
        return chr(chance.randrange(*chance.choice(planes)))

    made = [text for text in ("", *PARTS) if accepted(text)]
    while len(made) < TEXTS:
        count = chance.randrange(1, 14)
        text = "".join(chance.choice(PARTS) if chance.random() < 0.7 else character() for _ in range(count))
        if accepted(text):
            made.append(text)
    return made


@pytest.fixture(scope="module")
def file() -> Path:
    return smollm2()


@pytest.fixture(scope="module")
def tokenizer(file: Path) -> Tokenizer:
    return Tokenizer.load(open_checkpoint(file))


def compare(
    tokenizer: Tokenizer,
    made: list[str],
    other: Callable[[str, bool], list[int]],
    name: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """``other(text, plain)`` gives the ids of a text, or of one with control tokens."""
    same = {"plain": 0, "with control tokens": 0}
    differing = []
    for text in made:
        for kind, ours in (
            ("plain", tokenizer.encode(text, add_special_tokens=False)),
            ("with control tokens", tokenizer.encode_control(text)),
        ):
            equal = ours == other(text, kind == "plain")
            same[kind] += equal
            if not equal:
                differing.append((kind, text))
    with capsys.disabled():
        for kind, count in same.items():
            print(f"\n{count} of {len(made)} texts ({kind}): the ids of {name}", end="")
    assert differing == []


def test_the_ids_of_its_tokenizer_json(file: Path, tokenizer: Tokenizer, capsys: pytest.CaptureFixture[str]) -> None:
    """Put together from the file by the gguf package, with the steps that its makers published."""
    fields = GGUFReader(file).fields
    tokens, kinds, merges = (fields[f"tokenizer.ggml.{key}"].contents() for key in ("tokens", "token_type", "merges"))
    model = models.BPE({token: id_ for id_, token in enumerate(tokens)}, [tuple(merge.split(" ")) for merge in merges])
    reference = tokenizers.Tokenizer(model)
    digits = pre_tokenizers.Digits(individual_digits=True)
    reference.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    reference.decoder = decoders.ByteLevel()
    reference.add_special_tokens([token for token, kind in zip(tokens, kinds, strict=True) if kind == 3])

    def encode(text: str, plain: bool) -> list[int]:
        reference.encode_special_tokens = plain
        return reference.encode(text, add_special_tokens=False).ids

    made = texts()
    compare(tokenizer, made, encode, "its tokenizer.json", capsys)
    for text in made:
        ids = tokenizer.encode(text)
        assert tokenizer.decode(ids) == reference.decode(ids, skip_special_tokens=False)


def test_the_ids_of_llama_cpp(file: Path, tokenizer: Tokenizer, capsys: pytest.CaptureFixture[str]) -> None:
    """Where it and the makers' tokenizer can agree.

    Some bytes have no token, and what stands beside one is merged by the tokenizers library alone. Nor do the two know
    the same version of Unicode.
    """
    llama_cpp = pytest.importorskip("llama_cpp", reason="needs llama-cpp-python (the extra bench)")
    model = llama_cpp.Llama(str(file), vocab_only=True, verbose=False)

    def encode(text: str, plain: bool) -> list[int]:
        return list(model.tokenize(text.encode(), add_bos=False, special=not plain))

    def accepted(text: str) -> bool:
        old = unicodedata.ucd_3_2_0
        known = all(character in ASSIGNED_LATER or old.category(character) != "Cn" for character in text)
        return known and tokenizer.decode(tokenizer.encode(text)) == text

    compare(tokenizer, texts(accepted), encode, "llama.cpp", capsys)
