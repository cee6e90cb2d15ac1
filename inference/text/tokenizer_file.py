"""Loads the content of a ``tokenizer.json`` with limits on token lengths and on the growth of text.

Normalization may lengthen a text (a leading blank, decomposed characters), but no legitimate tokenizer turns one
character into hundreds or has page-long tokens.
"""

import base64
import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tokenizers

from inference.errors import CheckpointError, from_library
from inference.system.json_file import parse_json

MAX_TOKEN = 1024
MAX_CONTROLS = 10_000
# Total length of all prefixes and suffixes of control tokens, which placeholders.py searches for.
MAX_BEGINNINGS = 10_000_000
MAX_GROWTH = 256
# WordPiece takes time quadratic in the length of a word.
MAX_WORD = 1000
# Growth factors of the library's built-in steps.
GROWTH = {"ByteLevel": 2, "NFC": 3, "NFD": 4, "NFKC": 18, "NFKD": 18, "Lowercase": 2, "BertNormalizer": 4}


# Other added tokens, words and white space, are in many a text by chance.
BRACKETS, SHORTEST = re.compile(r"[<>\[\]{}|｜]"), 3
# What encloses a part of a reply.
TAG = re.compile(r"<(/?)([A-Za-z_][\w-]*)>")
FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")


@dataclass(frozen=True)
class TokenUse:
    """What a model says of its tokens outside of the tokenizer's file.

    Args:
        special: Special tokens, whatever the file says.
        special_ids: More of them.
        added: Added tokens by id, as in ``added_tokens_decoder``.
        written: What the chat template writes of its own: added tokens in it are control tokens.
        after_reply: What it writes after a reply; a token at its beginning is special.
        vocab_size: Tokens that the model has; it cannot read others.
    """

    special: Sequence[str] = ()
    special_ids: Sequence[int] = ()
    added: Mapping[str, Any] = field(default_factory=dict)
    written: str = ""
    after_reply: str = ""
    vocab_size: int | None = None


@dataclass(frozen=True)
class LoadedTokenizer:
    """A tokenizer whose special tokens are all its control tokens.

    Args:
        backend: The tokenizer.
        unknown_id: Of the token for what it has no other for.
        visible_ids: Control tokens that are text all the same where a model writes them, tags above all.
    """

    backend: tokenizers.Tokenizer
    unknown_id: int | None
    visible_ids: frozenset[int]


def read_tokenizer(content: bytes, path: Path, use: TokenUse) -> LoadedTokenizer:
    """Load the tokenizer ``content`` of ``path``. Raises CheckpointError if it is corrupt or exceeds the limits."""
    description = parse_json(content, path)

    def unusable(why: str) -> CheckpointError:
        return CheckpointError(f"{path} cannot be used as a tokenizer ({why[:120]}).")

    with from_library(unusable):
        added = _with_others(description, use)
        visible = _mark_control(added, use)
        description["added_tokens"] = added
        for fault in faults(description):
            raise unusable(fault)
        # Truncation and padding are for training only.
        description |= {"truncation": None, "padding": None}
        backend = tokenizers.Tokenizer.from_str(json.dumps(description))
        unknown = description["model"].get("unk_id")
        if not isinstance(unknown, int):
            unknown = backend.token_to_id(description["model"].get("unk_token") or "")
        visible_ids = frozenset(id_ for token in visible if (id_ := backend.token_to_id(token)) is not None)
        return LoadedTokenizer(backend, unknown, visible_ids)


def _with_others(description: dict[str, Any], use: TokenUse) -> list[dict[str, Any]]:
    """Return the added tokens of the file and of ``use`` that the model can read."""
    added = list(description.get("added_tokens") or [])
    vocabulary = description["model"].get("vocab")
    missing = {int(id_): token for id_, token in use.added.items() if token["content"]}
    for token in added:
        other = missing.get(token["id"])
        if other is not None and other["content"] == token["content"]:
            token["special"] = token["special"] or other.get("special") is True
            del missing[token["id"]]
    known = {token["content"] for token in added}
    taken = {token["id"] for token in added} | set(vocabulary.values() if isinstance(vocabulary, dict) else ())
    for id_, token in sorted(missing.items()):
        content = token["content"]
        if content in known:
            continue
        if isinstance(vocabulary, dict):
            if content not in vocabulary and id_ in taken:
                continue
            # The library numbers added tokens by itself, except those of the vocabulary.
            id_ = vocabulary.setdefault(content, id_)
        elif id_ != max(len(vocabulary or ()) - 1, *taken, -1) + 1:
            continue
        taken.add(id_)
        added.append({"id": id_, "content": content} | {flag: token.get(flag) is True for flag in FLAGS})
    return [token for token in added if use.vocab_size is None or token["id"] < use.vocab_size]


def _mark_control(added: list[dict[str, Any]], use: TokenUse) -> list[str]:
    """Make the tokens of ``use`` special; return those that are text where a model writes them."""
    contents = [token["content"] for token in added]
    markup = {content for content in contents if len(content) >= SHORTEST and BRACKETS.search(content)}
    start = use.after_reply.lstrip()
    ends = [content for content in markup if start.startswith(content)]
    special = {*use.special, *sorted(ends, key=len)[-1:]}
    visible = []
    for token in added:
        content = token["content"]
        is_special = token["special"] or content in special or token["id"] in use.special_ids
        is_used = content in markup and (content in use.written or other_tag(content) in use.written)
        if is_used and not is_special:
            visible.append(content)
        if is_special or is_used:
            # Matched verbatim, not after normalization.
            token |= {"special": True, "normalized": False}
    return visible


def other_tag(token: str) -> str:
    """Return ``</name>`` for ``<name>`` and the other way round, and what is no tag as it is."""
    match = TAG.fullmatch(token)
    return token if match is None else f"<{'' if match[1] else '/'}{match[2]}>"


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
