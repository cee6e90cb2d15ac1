"""Trial run of an untrusted tokenizer on all kinds of text, inside the sandbox process."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inference.errors import CheckpointError, from_library
from inference.system.json_file import parse_json
from inference.text.placeholders import strings
from inference.text.tokenizer_file import MAX_GROWTH, TokenUse, read_tokenizer

LONG = 2000
IDS_AT_ONCE = 64
WORDS = (
    "Once upon a time, in 1984:\n\tthe  ‘naïve’ façade — 東京タワー 🙂👩‍👩‍👧 Ünïcödé مرحبا שלום नमस्ते <|im_end|></s> "
)


def try_tokenizer(content: bytes, path: Path, use: TokenUse) -> None:
    """Raises CheckpointError if the tokenizer fails; exceeding a limit ends the process."""
    backend = read_tokenizer(content, path, use).backend

    def unusable(why: str) -> CheckpointError:
        return CheckpointError(f"{path} cannot be used as a tokenizer ({why[:120]}).")

    with from_library(unusable):
        for text in samples(parse_json(content, path)):
            made = len(backend.encode(text).ids)
            if made > MAX_GROWTH * (len(text) + 1):
                raise unusable(f"it makes {made} tokens of {len(text)} characters")
        known = sorted(backend.get_vocab(with_added_tokens=True).values())
        for start in range(0, len(known), IDS_AT_ONCE):
            part = known[start : start + IDS_AT_ONCE]
            backend.decode(part, skip_special_tokens=False)
            backend.decode(part[:1], skip_special_tokens=False)


def samples(description: dict[str, Any]) -> Iterator[str]:
    """Texts that make tokenizers fail or hang: all characters, long runs, the tokenizer's own patterns."""
    yield ""
    yield WORDS * 20
    yield "".join(map(chr, [*range(0x4000), *range(0xE000, 0x10000), *range(0x1F300, 0x1F700)]))
    for code in range(1, 127):
        yield chr(code) * 100 + "\0"
    for run in ("a", " ", "\n", "0", "ab", "a b ", "!?", "é", "東", "\u0301"):
        yield run * (LONG // len(run))
    parts = [description.get(part) for part in ("normalizer", "pre_tokenizer", "decoder", "post_processor")]
    for string in sorted(set(strings(parts)))[:200]:
        yield string[:100] * 40
