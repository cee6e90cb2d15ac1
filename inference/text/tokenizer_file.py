"""Loads the content of a ``tokenizer.json`` with limits on token lengths and on the growth of text.

Normalization may lengthen a text (a leading blank, decomposed characters), but no legitimate tokenizer turns one
character into hundreds or has page-long tokens.
"""

import base64
import itertools
import json
import math
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import tokenizers

from inference.errors import CheckpointError, from_library
from inference.system.json_file import parse_json

MAX_TOKEN = 1024
MAX_CONTROLS = 5000
# Total length of all prefixes and suffixes of control tokens, which placeholders.py searches for.
MAX_BEGINNINGS = 10_000_000
MAX_GROWTH = 256
# WordPiece takes time quadratic in the length of a word.
MAX_WORD = 1000
# Growth factors of the library's built-in steps.
GROWTH = {"ByteLevel": 2, "NFC": 3, "NFD": 4, "NFKC": 18, "NFKD": 18, "Lowercase": 2, "BertNormalizer": 4}


def read_tokenizer(
    content: bytes, path: Path, names: Collection[str | None], ids: Collection[int]
) -> tuple[tokenizers.Tokenizer, int | None]:
    """Load the tokenizer ``content`` of ``path``; returns it with the id of its unknown token.

    Tokens in ``names`` or ``ids`` become control tokens even if the file does not say so. Raises CheckpointError if it
    is corrupt or exceeds the limits.
    """
    description = parse_json(content, path)

    def unusable(why: str) -> CheckpointError:
        return CheckpointError(f"{path} cannot be used as a tokenizer ({why[:120]}).")

    with from_library(unusable):
        for fault in faults(description):
            raise unusable(fault)
        for token in description.get("added_tokens") or []:
            if token["special"] or token["content"] in names or token["id"] in ids:
                # Matched verbatim, not after normalization.
                token |= {"special": True, "normalized": False}
        # Truncation and padding are for training only.
        description |= {"truncation": None, "padding": None}
        backend = tokenizers.Tokenizer.from_str(json.dumps(description))
        unknown = description["model"].get("unk_id")
        return backend, unknown if isinstance(unknown, int) else backend.token_to_id(
            description["model"].get("unk_token") or ""
        )


def faults(description: Mapping[str, Any]) -> Iterator[str]:
    """Descriptions of exceeded limits."""
    model, added = description["model"], description.get("added_tokens") or []
    vocabulary = model.get("vocab") or ()
    tokens = [token["content"] for token in added]
    tokens += vocabulary if isinstance(vocabulary, dict) else [entry[0] for entry in vocabulary]
    longest = max(map(len, tokens), default=0)
    if longest > MAX_TOKEN:
        yield f"it has a token of {longest} characters"
    controls = [len(token["content"]) for token in added if token["special"]]
    if len(controls) > MAX_CONTROLS:
        yield f"it has {len(controls)} control tokens"
    if sum(length**2 for length in controls) > MAX_BEGINNINGS:
        yield "its control tokens are too long"
    if (model.get("max_input_chars_per_word") or 0) > MAX_WORD:
        yield "max_input_chars_per_word is too large"
    for part in ("normalizer", "pre_tokenizer", "decoder"):
        if growth(description.get(part)) > MAX_GROWTH:
            yield f"its {part} lengthens text too much"


def growth(step: Any) -> float:
    """Upper bound of the growth factor of a step or sequence of steps, apart from prefixes and suffixes."""
    if not isinstance(step, dict):
        return 1
    kind = step.get("type")
    if kind == "Sequence":
        inner = [step.get(key) or () for key in ("normalizers", "pretokenizers", "decoders")]
        return math.prod(map(growth, itertools.chain.from_iterable(inner)))
    if kind == "Replace":
        pattern, content = step["pattern"], len(step["content"])
        # A regular expression may match empty strings between all characters.
        return content + 1 if "Regex" in pattern else max(1, content / max(1, len(pattern["String"])))
    if kind == "Precompiled":
        table = base64.b64decode(step["precompiled_charsmap"])
        texts = table[4 + int.from_bytes(table[:4], "little") :].decode("utf-8", "replace")
        return max(map(len, texts.split("\0")))
    put = max((len(value) for key, value in step.items() if key != "type" and isinstance(value, str)), default=0)
    return GROWTH.get(str(kind), 1) if put <= MAX_TOKEN else math.inf
