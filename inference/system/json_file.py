"""Reads a JSON object from an untrusted file."""

import json
from pathlib import Path
from typing import Any

from inference.errors import CheckpointError
from inference.system.regular_file import read_bytes

MAX_JSON_BYTES = 4 * 2**20
# Parsed values take twenty times their size in the file. Vocabularies have up to two million.
MAX_PARTS = 4_000_000


def read_json(path: Path, limit: int = MAX_JSON_BYTES) -> dict[str, Any]:
    """The JSON object in ``path``. Raises CheckpointError if it is missing, invalid or larger than ``limit``."""
    try:
        return parse_json(read_bytes(path, limit), path)
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing; a model directory needs it.") from None


def read_optional(path: Path, warnings: list[str]) -> dict[str, Any]:
    """The JSON object in a file that a model works without; a broken one adds a sentence to ``warnings``."""
    try:
        return read_json(path) if path.exists() else {}
    except CheckpointError as error:
        warnings.append(f"{error} Until then it is ignored.")
        return {}


def parse_json(content: bytes, path: Path) -> dict[str, Any]:
    """The JSON object ``content`` of ``path``. Raises CheckpointError if it is invalid."""
    if sum(map(content.count, (b"[", b"{", b","))) > MAX_PARTS:
        raise CheckpointError(f"{path} has more than {MAX_PARTS} values.")
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not valid JSON ({error}). Download it again.") from None
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} is not a JSON object. Download it again.")
    return value
