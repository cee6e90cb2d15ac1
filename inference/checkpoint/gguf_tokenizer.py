"""The tokenizer of a GGUF file: its metadata are turned into a ``tokenizer.json``, which is then read as any other."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from inference.checkpoint.gguf_pretokenizers import PRE_TOKENIZERS
from inference.errors import CheckpointError, UnsupportedModelError

PREFIX = "tokenizer.ggml"
# As in ``tokenizer_config.json``: the names of tokens, and the keys of their ids.
NAMED = {
    "bos_token": "bos_token_id",
    "eos_token": "eos_token_id",
    "unk_token": "unknown_token_id",
    "sep_token": "seperator_token_id",
    "pad_token": "padding_token_id",
    "cls_token": "cls_token_id",
    "mask_token": "mask_token_id",
}
# Ids that files leave out, by kind.
USUAL_IDS = {
    "llama": {"bos_token": 1, "eos_token": 2, "unk_token": 0},
    "t5": {"eos_token": 1, "unk_token": 2, "pad_token": 0},
}
BLANK = "▁"
# Characters of all tokens of SentencePiece BPE: each of them is a place to look for a merge.
MAX_CHARACTERS = 4_000_000

Json = dict[str, Any]
Unusable = Callable[[str], CheckpointError]


class TokenType(IntEnum):
    """Types of tokens in ``tokenizer.ggml.token_type``."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


@dataclass(frozen=True)
class Vocabulary:
    """Tokens by id, their types, and their scores: log probabilities, or an order of merges."""

    tokens: Sequence[str]
    types: Sequence[float]
    scores: Sequence[float]

    def ids(self, *types: TokenType) -> list[int]:
        """Return the ids of all tokens of these types."""
        return [id_ for id_, kind in enumerate(self.types) if kind in types]

    @property
    def by_token(self) -> dict[str, int]:
        """Ids of the tokens in use; fillers up to a round number are none."""
        return {token: id_ for id_, token in enumerate(self.tokens) if self.types[id_] != TokenType.UNUSED}


def tokenizer_json(metadata: Mapping[str, Any], path: Path) -> bytes:
    """Return the tokenizer as a ``tokenizer.json``; ``path`` is named in errors.

    Raises CheckpointError, or UnsupportedModelError for a kind or a pre-tokenizer that this engine does not know.
    """

    def unusable(why: str) -> CheckpointError:
        return CheckpointError(f"{path} cannot be used as a tokenizer ({why}).")

    kind = str(metadata.get(f"{PREFIX}.model"))
    if kind not in KINDS:
        raise UnsupportedModelError(
            f"{path}: tokenizers of kind {kind[:60]!r} are not supported; supported are {', '.join(KINDS)}."
        )
    vocabulary = _vocabulary(metadata, unusable)
    description = KINDS[kind](metadata, vocabulary, path, unusable)
    description |= {"version": "1.0", "truncation": None, "padding": None}
    description["added_tokens"] = _added_tokens(metadata, kind, vocabulary)
    description["post_processor"] = _post_processor(metadata, kind, vocabulary)
    return json.dumps(description).encode()


def tokenizer_config(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of special tokens, as in ``tokenizer_config.json``."""
    tokens = metadata.get(f"{PREFIX}.tokens")
    if not isinstance(tokens, list):
        return {}
    ids = _named_ids(metadata, str(metadata.get(f"{PREFIX}.model")), len(tokens))
    return {name: str(tokens[id_]) for name, id_ in ids.items()}


def _vocabulary(metadata: Mapping[str, Any], unusable: Unusable) -> Vocabulary:
    tokens = metadata.get(f"{PREFIX}.tokens")
    if not isinstance(tokens, list) or not tokens or not all(isinstance(token, str) for token in tokens):
        raise unusable(f"{PREFIX}.tokens is not a list of texts")
    count = len(tokens)

    def numbers(key: str, default: float) -> list[float]:
        values = metadata.get(f"{PREFIX}.{key}", [default] * count)
        if not isinstance(values, list) or len(values) < count:
            raise unusable(f"{PREFIX}.{key} has fewer values than there are tokens")
        if not all(isinstance(value, int | float) for value in values):
            raise unusable(f"{PREFIX}.{key} is not a list of numbers")
        return values[:count]

    vocabulary = Vocabulary(tokens, numbers("token_type", TokenType.NORMAL), numbers("scores", 0.0))
    if len(vocabulary.by_token) != count - len(vocabulary.ids(TokenType.UNUSED)):
        raise unusable("it has a token twice")
    return vocabulary


def _byte_level_bpe(metadata: Mapping[str, Any], vocabulary: Vocabulary, path: Path, unusable: Unusable) -> Json:
    """Merges of bytes, which are written as characters, within the words of a pre-tokenizer."""
    name = metadata.get(f"{PREFIX}.pre")
    if not isinstance(name, str) or name not in PRE_TOKENIZERS:
        which = "does not name its pre-tokenizer" if name is None else f"needs the pre-tokenizer {str(name)[:60]!r}"
        raise UnsupportedModelError(
            f"{path} {which}; supported are {', '.join(PRE_TOKENIZERS)}. Look for another conversion of this model."
        )
    pre_tokenizer = PRE_TOKENIZERS[name]
    merges = metadata.get(f"{PREFIX}.merges")
    if not isinstance(merges, list) or not all(isinstance(merge, str) for merge in merges):
        raise unusable(f"{PREFIX}.merges is not a list of texts")
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    steps = [
        {"type": "Split", "pattern": {"Regex": step}, "behavior": "Isolated", "invert": False}
        for step in pre_tokenizer.steps
    ]
    return {
        "normalizer": {"type": "NFC"} if pre_tokenizer.composed else None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [*steps, byte_level]},
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "ignore_merges": pre_tokenizer.ignore_merges,
            "vocab": vocabulary.by_token,
            "merges": [_halves(merge) for merge in merges],
        },
    }


def _halves(merge: str) -> tuple[str, str]:
    """Split at the first blank that has something before it."""
    at = merge.find(" ", 1)
    return (merge[:at], merge[at + 1 :]) if at > 0 else (merge, "")


def _sentencepiece_bpe(metadata: Mapping[str, Any], vocabulary: Vocabulary, path: Path, unusable: Unusable) -> Json:
    """Any two neighbors that make a token are merged, those of the highest score first; the rest becomes bytes."""
    unknown = _named_ids(metadata, "llama", len(vocabulary.tokens)).get("unk_token")
    return _blanks_shown(metadata, []) | {
        "model": {
            "type": "BPE",
            "unk_token": None if unknown is None else vocabulary.tokens[unknown],
            "fuse_unk": True,
            "byte_fallback": bool(vocabulary.ids(TokenType.BYTE)),
            "vocab": vocabulary.by_token,
            "merges": _merges(vocabulary, unusable),
        },
    }


def _blanks_shown(metadata: Mapping[str, Any], steps: Sequence[Json]) -> Json:
    """Return what writes blanks as SentencePiece does, after other ``steps``, and what reads them."""
    into = [*steps, {"type": "Replace", "pattern": {"String": " "}, "content": BLANK}]
    back: list[Json] = [
        {"type": "Replace", "pattern": {"String": BLANK}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
    ]
    if metadata.get(f"{PREFIX}.add_space_prefix", True) is True:
        into.insert(len(steps), {"type": "Prepend", "prepend": BLANK})
        back.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    return {
        "normalizer": {"type": "Sequence", "normalizers": into},
        "pre_tokenizer": None,
        "decoder": {"type": "Sequence", "decoders": back},
    }


def _merges(vocabulary: Vocabulary, unusable: Unusable) -> list[tuple[str, str]]:
    """Return every way to make a token of two others, by the token's score."""
    if sum(map(len, vocabulary.tokens)) > MAX_CHARACTERS:
        raise unusable("its tokens are too long")
    tokens, scores = vocabulary.tokens, vocabulary.scores
    ids = {tokens[id_]: id_ for id_ in vocabulary.ids(TokenType.NORMAL, TokenType.USER_DEFINED)}
    merges = []
    for token, id_ in ids.items():
        for cut in range(1, len(token)):
            left, right = ids.get(token[:cut]), ids.get(token[cut:])
            if left is not None and right is not None:
                merges.append((-scores[id_], id_, left, right))
    return [(tokens[left], tokens[right]) for _, _, left, right in sorted(merges)]


def _unigram(metadata: Mapping[str, Any], vocabulary: Vocabulary, path: Path, unusable: Unusable) -> Json:
    """The likeliest tokens of all that make up the text."""
    unknown = _named_ids(metadata, "t5", len(vocabulary.tokens)).get("unk_token")
    defined = set(vocabulary.ids(TokenType.USER_DEFINED))
    scores = [0.0 if id_ in defined else score for id_, score in enumerate(vocabulary.scores)]
    steps: list[Json] = []
    if table := metadata.get(f"{PREFIX}.precompiled_charsmap"):
        steps.append({"type": "Precompiled", "precompiled_charsmap": _charsmap(table, unusable)})
    if metadata.get(f"{PREFIX}.remove_extra_whitespaces", False) is True:
        # Blanks alone: the library's own step takes all white space.
        steps.append({"type": "Replace", "pattern": {"Regex": r"\A +| +\z"}, "content": ""})
        steps.append({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "})
    return _blanks_shown(metadata, steps) | {
        "model": {
            "type": "Unigram",
            "unk_id": unknown,
            "byte_fallback": bool(vocabulary.ids(TokenType.BYTE)),
            "vocab": list(zip(vocabulary.tokens, scores, strict=True)),
        },
    }


def _charsmap(table: Any, unusable: Unusable) -> str:
    try:
        return base64.b64encode(bytes(value % 256 for value in table)).decode()
    except TypeError:
        raise unusable(f"{PREFIX}.precompiled_charsmap is not a list of bytes") from None


KINDS: dict[str, Callable[[Mapping[str, Any], Vocabulary, Path, Unusable], Json]] = {
    "gpt2": _byte_level_bpe,
    "llama": _sentencepiece_bpe,
    "t5": _unigram,
}


def _named_ids(metadata: Mapping[str, Any], kind: str, count: int) -> dict[str, int]:
    """Return the ids of special tokens by name. Files without such a token may have an id beyond the vocabulary."""
    ids = {name: metadata.get(f"{PREFIX}.{key}") for name, key in NAMED.items()}
    ids = {name: USUAL_IDS.get(kind, {}).get(name) if id_ is None else id_ for name, id_ in ids.items()}
    return {name: id_ for name, id_ in ids.items() if isinstance(id_, int) and 0 <= id_ < count}


def _added_tokens(metadata: Mapping[str, Any], kind: str, vocabulary: Vocabulary) -> list[Json]:
    """Return the tokens that are found in text before anything else."""
    # The tokens of Phi 3 take the white space after them, which its files do not say.
    ends = ("<unk>", "<s>", "<|endoftext|>")
    strips = kind == "llama" and metadata.get("general.architecture") == "phi3"
    return [
        {
            "id": id_,
            "content": vocabulary.tokens[id_],
            "single_word": False,
            "lstrip": False,
            "rstrip": strips and vocabulary.tokens[id_] not in ends,
            "normalized": False,
            "special": vocabulary.types[id_] != TokenType.USER_DEFINED,
        }
        for id_ in vocabulary.ids(TokenType.UNKNOWN, TokenType.CONTROL, TokenType.USER_DEFINED)
        if vocabulary.tokens[id_]
    ]


def _post_processor(metadata: Mapping[str, Any], kind: str, vocabulary: Vocabulary) -> Json | None:
    """Return what puts BOS before a text and EOS after it."""
    ids = _named_ids(metadata, kind, len(vocabulary.tokens))
    pre_tokenizer = PRE_TOKENIZERS.get(str(metadata.get(f"{PREFIX}.pre")))
    usual = {
        "bos_token": kind == "llama" or (kind == "gpt2" and pre_tokenizer is not None and pre_tokenizer.add_bos),
        "eos_token": kind == "t5",
    }
    around = []
    for name, default in usual.items():
        wanted = metadata.get(f"{PREFIX}.add_{name}", default) is True and name in ids
        around.append([vocabulary.tokens[ids[name]]] if wanted else [])
    if around == [[], []]:
        return None

    def piece(kind: str, name: str) -> Json:
        return {kind: {"id": name, "type_id": 0}}

    before, after = ([piece("SpecialToken", token) for token in tokens] for tokens in around)
    by_token = vocabulary.by_token
    return {
        "type": "TemplateProcessing",
        "single": [*before, piece("Sequence", "A"), *after],
        "pair": [*before, piece("Sequence", "A"), piece("Sequence", "B"), *after],
        "special_tokens": {
            token: {"id": token, "ids": [by_token[token]], "tokens": [token]} for tokens in around for token in tokens
        },
    }
