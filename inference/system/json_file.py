"""A JSON object from a file that cannot be trusted."""

import json
from pathlib import Path
from typing import Any

from inference.errors import CheckpointError
from inference.system.regular_file import read_bytes

MAX_JSON_BYTES = 4 * 2**20
# Parsed, a part takes twenty times the memory that it takes in a file. Vocabularies have two million of them.
MAX_PARTS = 4_000_000


def read_json(path: Path, limit: int = MAX_JSON_BYTES) -> dict[str, Any]:
    """The JSON object in ``path``. Raises CheckpointError if it is missing, of more than ``limit`` bytes, or none."""
    try:
        content = read_bytes(path, limit)
        if sum(map(content.count, (b"[", b"{", b","))) > MAX_PARTS:
            raise CheckpointError(f"{path} has more than {MAX_PARTS} parts, more than any real one.")
        value = json.loads(content)
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing; a model directory needs it.") from None
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not valid JSON ({error}); download it again.") from None
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} holds no JSON object; download it again.")
    return value
