"""The tokenizers of GGUF files: metadata of every kind become the tokenizer that they were made from."""

import functools
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tokenizers import Tokenizer as Backend

from inference import CheckpointError, InferenceError, Model, Tokenizer, UnsupportedModelError
from inference.checkpoint.gguf_pretokenizers import PRE_TOKENIZERS
from inference.checkpoint.gguf_tokenizer import TokenType, tokenizer_config, tokenizer_json
from tests.attack.test_tokenizers import mutate
from tests.attack.tokenizer_zoo import blank_prefixing_bpe, unigram
from tests.gguf_models import make_gguf
from tests.tiny_model import make_tiny_model, make_tokenizer

PATH = Path("a.gguf")
Metadata = dict[str, Any]


def metadata(**keys: Any) -> Metadata:
    return {f"tokenizer.ggml.{key}": value for key, value in keys.items()}


def described(backend: Backend) -> dict[str, Any]:
    description: dict[str, Any] = json.loads(backend.to_str())
    return description


def types(description: dict[str, Any], tokens: list[str]) -> list[int]:
    special = {token["id"] for token in description["added_tokens"]}
    kinds = []
    for id_, token in enumerate(tokens):
        byte = token.startswith("<0x") and len(token) == 6
        kinds.append(TokenType.CONTROL if id_ in special else TokenType.BYTE if byte else TokenType.NORMAL)
    return kinds


def byte_level(pre: str = "gpt-2", **keys: Any) -> Metadata:
    description = described(make_tokenizer())
    model = description["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    kinds = types(description, tokens)
    return metadata(model="gpt2", pre=pre, tokens=tokens, token_type=kinds, merges=merges, **keys)


def sentencepiece_bpe(**keys: Any) -> Metadata:
    """Scores fall with the order of the merges."""
    description = described(blank_prefixing_bpe())
    model = description["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    merged = ["".join(merge) for merge in model["merges"]]
    scores = [-float(merged.index(token)) - 1 if token in merged else -1000.0 for token in tokens]
    kinds = types(description, tokens)
    return metadata(model="llama", pre="default", tokens=tokens, token_type=kinds, scores=scores, **keys)


def unigrams(**keys: Any) -> Metadata:
    description = described(unigram(byte_fallback=True))
    tokens = [token for token, _ in description["model"]["vocab"]]
    scores = [score for _, score in description["model"]["vocab"]]
    kinds = types(description, tokens)
    ids = {"unknown_token_id": 0, "eos_token_id": 2, "add_eos_token": False}
    return metadata(model="t5", tokens=tokens, token_type=kinds, scores=scores, **(ids | keys))


class Source:
    """A checkpoint as far as its tokenizer goes."""

    tokenizer_file = PATH

    def __init__(self, values: Metadata) -> None:
        self.tokenizer_json = tokenizer_json(values, PATH)
        self.tokenizer_config = self.special_tokens = tokenizer_config(values)


def backend(values: Metadata) -> Backend:
    return Backend.from_str(tokenizer_json(values, PATH).decode())


@functools.cache
def pair(kind: str) -> tuple[Backend, Backend]:
    """What a file's metadata become, and what they were made from."""
    if kind == "byte_level":
        return backend(byte_level()), make_tokenizer()
    if kind == "unigrams":
        return backend(unigrams()), unigram(byte_fallback=True)
    return backend(sentencepiece_bpe()), blank_prefixing_bpe()


WORDS = st.lists(
    st.sampled_from(["the", "</s>", "<|im_end|>", "<s", " ", "  ", "\n", "hi", "é", "東京", "e\u0301", "▁", "<0x41>"])
).map("".join)


@given(st.one_of(st.text(), WORDS))
def test_byte_level_bpe_gives_the_same_ids(text: str) -> None:
    made, original = pair("byte_level")
    for encode in (made, original):
        encode.encode_special_tokens = True
    assert made.encode(text).ids == original.encode(text).ids
    assert made.decode(made.encode(text).ids) == text


@given(st.one_of(st.text(), WORDS))
def test_sentencepiece_bpe_gives_the_same_ids(text: str) -> None:
    # Control tokens are none of its merges, though they are of the original.
    text = text.replace("s>", "").replace("end|>", "")
    made, original = pair("sentencepiece_bpe")
    assert made.encode(text).ids == original.encode(text).ids
    if "▁" not in text:
        assert made.decode(made.encode(text, add_special_tokens=False).ids) == text


@given(WORDS)
def test_unigram_gives_the_same_ids(text: str) -> None:
    made, original = pair("unigrams")
    # The original composes characters and takes blanks together, by other means than a file has, and puts none before
    # another.
    original.normalizer = None
    assume(not re.search(r"(^|>)[ ▁]", text))
    assert made.encode(text).ids == original.encode(text).ids


# A text, and the words that the makers' own tokenizers make of it.
TEXT = "I'll say HelloWorld's 12345, naïve東京ひら!\n\n  x=a_b;"
SPLITS = {
    "gpt-2": "I|'ll| say| HelloWorld|'s| 12345|,| naïve東京ひら|!|\n\n | x|=|a|_|b|;",
    "smollm": "I|'ll| say| HelloWorld|'s| |1|2|3|4|5|,| naïve東京ひら|!|\n\n | x|=|a|_|b|;",
    "default": "I|'|ll| say| HelloWorld|'|s| |123|45|,| naïve東京ひら|!|\n\n | x|=|a|_|b|;",
    "llama-bpe": "I|'ll| say| HelloWorld|'s| |123|45|,| naïve東京ひら|!\n\n| | x|=a|_b|;",
    "qwen2": "I|'ll| say| HelloWorld|'s| |1|2|3|4|5|,| naïve東京ひら|!\n\n| | x|=a|_b|;",
    "gpt-4o": "I'll| say| Hello|World's| |123|45|,| naïve東京ひら|!\n\n| | x|=a|_b|;",
    "tekken": "I|'ll| say| Hello|World|'s| |1|2|3|4|5|,| naïve東京ひら|!\n\n| | x|=a|_b|;",
    "deepseek-v3": "I|'ll| say| HelloWorld|'s| |123|45|,| naïve|東京ひら|!\n\n| | x|=a|_b|;",
    "deepseek-coder": "I|'|ll| say| HelloWorld|'|s| |1|2|3|4|5|,| naïve|東京ひら|!|\n|\n| | x|=|a|_|b|;",
    "deepseek-llm": "I|'|ll| say| HelloWorld|'|s| |12345|,| na|ï|ve|東京ひら|!|\n|\n| | x|=|a|_|b|;",
}
SAME = {
    "gpt-2": ("phi-2", "granite-docling", "mpt", "olmo"),
    "smollm": ("refact", "starcoder", "minerva-7b", "command-r"),
    "llama-bpe": ("llama3", "llama-v3", "falcon3", "pixtral", "lfm2", "dbrx", "smaug-bpe"),
    "qwen2": ("deepseek-r1-qwen",),
    "gpt-4o": ("llama4",),
}


def test_every_pre_tokenizer_splits_as_its_makers_do() -> None:
    expected = {name: words for first, words in SPLITS.items() for name in (first, *SAME.get(first, ()))}
    assert expected.keys() == PRE_TOKENIZERS.keys()
    for name, words in expected.items():
        found = backend(byte_level(name)).pre_tokenizer.pre_tokenize_str(TEXT)
        assert "|".join(TEXT[start:end] for _, (start, end) in found) == words, name


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (byte_level("new-one"), "needs the pre-tokenizer 'new-one'; supported are default, gpt-2"),
        ({**byte_level(), "tokenizer.ggml.pre": None}, "does not name its pre-tokenizer"),
        ({**byte_level(), "tokenizer.ggml.pre": ["gpt-2"]}, "needs the pre-tokenizer"),
        (metadata(model="rwkv"), "tokenizers of kind 'rwkv' are not supported; supported are gpt2, llama, t5"),
        ({}, "tokenizers of kind 'None' are not supported"),
    ],
)
def test_what_is_unknown_is_refused_by_name(values: Metadata, words: str) -> None:
    with pytest.raises(UnsupportedModelError, match=words):
        tokenizer_json(values, PATH)


def test_bos_and_eos_where_the_file_or_its_kind_asks_for_them() -> None:
    ids = {"bos_token_id": 1, "eos_token_id": 2}
    for values, before, after in [
        (byte_level(**ids), [], []),
        (byte_level("llama-bpe", **ids), [1], []),
        (byte_level("llama-bpe", add_bos_token=False, **ids), [], []),
        (byte_level(add_bos_token=True, add_eos_token=True, **ids), [1], [2]),
        (byte_level(add_bos_token=True, bos_token_id=9_999_999), [], []),
        (sentencepiece_bpe(), [1], []),
        (sentencepiece_bpe(add_bos_token=False), [], []),
        (unigrams(add_eos_token=True), [], [2]),
    ]:
        assert Tokenizer.load(Source(values)).encode("") == before + after


def test_named_tokens_are_those_of_the_config() -> None:
    assert tokenizer_config(byte_level(bos_token_id=0, eos_token_id=2, padding_token_id=70_000)) == {
        "bos_token": "<|endoftext|>",
        "eos_token": "<|im_end|>",
    }
    assert tokenizer_config(sentencepiece_bpe()) == {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}


def test_no_blank_is_put_before_a_text_that_has_none() -> None:
    made = backend(sentencepiece_bpe(add_space_prefix=False))
    assert made.encode("hi", add_special_tokens=False).tokens == ["h", "i"]
    assert made.decode(made.encode(" hi").ids) == " hi"


def test_fillers_are_no_tokens() -> None:
    values = byte_level()
    count = len(values["tokenizer.ggml.tokens"])
    values["tokenizer.ggml.tokens"] += ["[PAD1]", "[PAD2]"]
    values["tokenizer.ggml.token_type"] += [TokenType.UNUSED] * 2
    assert Tokenizer.load(Source(values)).vocab_size == count


def test_tokens_of_phi_3_take_the_white_space_after_them() -> None:
    values = {**sentencepiece_bpe(), "general.architecture": "phi3"}
    tokenizer = Tokenizer.load(Source(values))
    assert tokenizer.encode_control("<|im_end|>\n<|im_start|>") == [4, 3]
    assert len(Tokenizer.load(Source(sentencepiece_bpe())).encode_control("<|im_end|>\n<|im_start|>")) > 2


def test_a_model_in_gguf_has_the_tokenizer_of_its_directory(tmp_path: Path) -> None:
    directory = make_tiny_model(tmp_path / "model")
    made = Model.load(make_gguf(directory, tmp_path / "it.gguf"), backend="numpy").tokenizer
    original = Model.load(directory, backend="numpy").tokenizer
    for text in ("Once upon a time", "東京 </s> <|im_end|>", ""):
        assert made.encode(text) == original.encode(text)
        assert made.encode_control(text) == original.encode_control(text)
    assert made.control_tokens == original.control_tokens


def test_blanks_of_unigrams_are_taken_together_where_the_file_says_so() -> None:
    made = backend(unigrams(remove_extra_whitespaces=True))
    assert made.encode("  hi   the \u0085").tokens == made.encode("hi the \u0085").tokens
    assert made.encode("\u0085").tokens


HOSTILE: dict[str, Metadata] = {
    "no tokens": {**byte_level(), "tokenizer.ggml.tokens": []},
    "tokens that are numbers": {**byte_level(), "tokenizer.ggml.tokens": [1, 2]},
    "a text for tokens": {**byte_level(), "tokenizer.ggml.tokens": "abc"},
    "a token twice": {**byte_level(), "tokenizer.ggml.tokens": ["a", "a"]},
    "too few types": {**byte_level(), "tokenizer.ggml.token_type": [1]},
    "types that are texts": {**byte_level(), "tokenizer.ggml.token_type": ["a"] * 999},
    "no merges": {**byte_level(), "tokenizer.ggml.merges": None},
    "merges of nothing": {**byte_level(), "tokenizer.ggml.merges": ["a", "", " "]},
    "scores that are texts": {**sentencepiece_bpe(), "tokenizer.ggml.scores": [""] * 9999},
    "scores that are no numbers": {**unigrams(), "tokenizer.ggml.scores": [float("nan")] * 9999},
    "pages for tokens": metadata(model="llama", tokens=["x" * 1_000_000 + str(i) for i in range(5)]),
    "an unknown token beyond": unigrams() | metadata(unknown_token_id=10**9),
    "a charsmap of texts": unigrams(precompiled_charsmap=["a"]),
    "a charsmap that leads out of itself": unigrams(precompiled_charsmap=[0, 4, 0, 0, *[255] * 1024, 97, 0]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_metadata_are_refused_in_a_sentence(name: str) -> None:
    with pytest.raises(CheckpointError, match=r"^a\.gguf cannot be used as a tokenizer \(") as raised:
        Tokenizer.load(Source(HOSTILE[name]))
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 300


@given(st.sampled_from([byte_level, sentencepiece_bpe, unigrams]), st.randoms(use_true_random=False))
def test_damaged_metadata_are_refused_or_become_a_tokenizer(make: Any, chance: Any) -> None:
    values = make()
    for key in chance.sample(sorted(values), 2):
        values[key] = mutate(values[key], chance)
    try:
        json.loads(tokenizer_json(values, PATH))
        tokenizer_config(values)
    except InferenceError as error:
        assert "\n" not in str(error) and len(str(error)) < 600
