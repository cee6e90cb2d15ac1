"""``tokenizer.json`` to the library's tokenizer: read as data, with bounds on what it may make of a text.

A text that is read may become longer (a blank is put before it, characters are taken apart), but no honest tokenizer
makes hundreds of characters of one, and none has tokens or names for them as long as a page.
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
from inference.system.json_file import read_json

MAX_TOKENIZER_BYTES = 64 * 2**20
MAX_TOKEN = 1024
MAX_CONTROLS = 5000
# Every beginning and end of a control token is looked for (see marks.py): so many characters, with many to spare.
MAX_BEGINNINGS = 10_000_000
MAX_GROWTH = 256
# Word-piece looks for the longest beginning of a word again and again: the time grows with the square of its length.
MAX_WORD = 1000
# How many characters the library makes of one, where the description does not say.
GROWTH = {"ByteLevel": 2, "NFC": 3, "NFD": 4, "NFKC": 18, "NFKD": 18, "Lowercase": 2, "BertNormalizer": 4}


def read_tokenizer(
    path: Path, names: Collection[str | None], ids: Collection[int]
) -> tuple[tokenizers.Tokenizer, int | None]:
    """The tokenizer in ``path``, and the id that stands for what it does not know.

    Tokens called one of ``names`` or with one of ``ids`` become control tokens where the file forgot to say so. Raises
    CheckpointError if it is missing, damaged, or like no honest one.
    """
    description = read_json(path, MAX_TOKENIZER_BYTES)

    def unusable(why: str) -> CheckpointError:
        return CheckpointError(f"{path} cannot be used as a tokenizer ({why[:120]}).")

    with from_library(unusable):
        for fault in faults(description):
            raise unusable(fault)
        for token in description.get("added_tokens") or []:
            if token["special"] or token["content"] in names or token["id"] in ids:
                # Found as it is spelled, not as a normaliser would respell it.
                token |= {"special": True, "normalized": False}
        # Truncation and padding are for training; here they would lose or invent text.
        description |= {"truncation": None, "padding": None}
        backend = tokenizers.Tokenizer.from_str(json.dumps(description))
        unknown = description["model"].get("unk_id")
        return backend, unknown if isinstance(unknown, int) else backend.token_to_id(
            description["model"].get("unk_token") or ""
        )


def faults(description: Mapping[str, Any]) -> Iterator[str]:
    """What no honest tokenizer has, in words."""
    model, added = description["model"], description.get("added_tokens") or []
    vocabulary = model.get("vocab") or ()
    tokens = [token["content"] for token in added]
    tokens += vocabulary if isinstance(vocabulary, dict) else [entry[0] for entry in vocabulary]
    longest = max(map(len, tokens), default=0)
    if longest > MAX_TOKEN:
        yield f"one of its tokens has {longest} characters"
    controls = [len(token["content"]) for token in added if token["special"]]
    if len(controls) > MAX_CONTROLS:
        yield f"it has {len(controls)} control tokens"
    if sum(length**2 for length in controls) > MAX_BEGINNINGS:
        yield "its control tokens are too long"
    if (model.get("max_input_chars_per_word") or 0) > MAX_WORD:
        yield "it reads words of any length"
    for part in ("normalizer", "pre_tokenizer", "decoder"):
        if growth(description.get(part)) > MAX_GROWTH:
            yield f"its {part} makes far more of a text than there is"


def growth(step: Any) -> float:
    """At most how many characters a step, or a sequence of steps, makes of one; what is put at an end aside."""
    if not isinstance(step, dict):
        return 1
    kind = step.get("type")
    if kind == "Sequence":
        inner = [step.get(key) or () for key in ("normalizers", "pretokenizers", "decoders")]
        return math.prod(map(growth, itertools.chain.from_iterable(inner)))
    if kind == "Replace":
        pattern, content = step["pattern"], len(step["content"])
        # A regular expression may find nothing between any two characters.
        return content + 1 if "Regex" in pattern else max(1, content / max(1, len(pattern["String"])))
    if kind == "Precompiled":
        table = base64.b64decode(step["precompiled_charsmap"])
        texts = table[4 + int.from_bytes(table[:4], "little") :].decode("utf-8", "replace")
        return max(map(len, texts.split("\0")))
    put = max((len(value) for key, value in step.items() if key != "type" and isinstance(value, str)), default=0)
    return GROWTH.get(str(kind), 1) if put <= MAX_TOKEN else math.inf
