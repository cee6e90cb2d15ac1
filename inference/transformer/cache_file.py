"""KV cache files: written atomically, memory-mapped, and refused if corrupt or another model's."""

import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

from inference.checkpoint.safetensors_file import SafetensorsFile
from inference.errors import CacheError, CheckpointError, from_library
from inference.system.atomic_write import atomic_write

FORMAT = "llm-tui cache 2"
Array = npt.NDArray[Any]


def write_snapshot(
    file: Path, blocks: Sequence[Array], token_ids: Sequence[int], length: int, fingerprint: str
) -> None:
    """``blocks`` hold the first ``length`` of ``token_ids``. Raises CacheError if the file cannot be written."""
    with from_library(lambda why: CacheError(f"{file} cannot be written ({why}); the session will be computed again.")):
        tensors = {"numbers": np.asarray([length, *token_ids], np.int64)}
        tensors |= {f"block.{index}": block for index, block in enumerate(blocks)}
        metadata = {"format": FORMAT, "fingerprint": fingerprint, "checksums": json.dumps(_checksums(tensors))}
        with atomic_write(file) as partial:
            save_file(tensors, partial, metadata)  # others go on: it gives the interpreter's lock away


def read_snapshot(file: Path, fingerprint: str) -> tuple[list[Array], list[int], int]:
    """The blocks, read-only, the token ids, and how many of these the blocks hold.

    Raises CacheError for all but a sound file of this model.
    """
    damaged = _damaged(file)
    stored = _opened(file)
    if stored.metadata.get("format") != FORMAT or stored.metadata.get("fingerprint") != fingerprint:
        raise CacheError(f"{file} is a cache of another model, precision or version; the session is computed again.")
    names = [f"block.{index}" for index in range(len(stored.tensors) - 1)]
    with from_library(lambda why: damaged):  # its description may be anything at all
        # Read and not mapped: all of it is looked at now, and what is cut off later is none of our business.
        tensors = {name: stored.read(name) for name in ("numbers", *names)}
        numbers = tensors["numbers"]
        if json.loads(stored.metadata["checksums"]) != _checksums(tensors) or numbers.dtype != np.int64:
            raise damaged
        length, *token_ids = map(int, numbers)
    return [tensors[name] for name in names], token_ids, length


def read_token_ids(file: Path) -> tuple[str, list[int]]:
    """The fingerprint of the model, and the token ids that the blocks hold; the blocks themselves are not looked at.

    Raises CacheError for a damaged file or one of another version.
    """
    stored = _opened(file)
    with from_library(lambda why: _damaged(file)):
        numbers = stored.read("numbers")
        checksum = json.loads(stored.metadata["checksums"])["numbers"]
        if stored.metadata["format"] != FORMAT or {"numbers": checksum} != _checksums({"numbers": numbers}):
            raise _damaged(file)
        length, *token_ids = map(int, numbers)
        return stored.metadata["fingerprint"], token_ids[:length]


def _opened(file: Path) -> SafetensorsFile:
    try:
        return SafetensorsFile(file)
    except CheckpointError:
        raise _damaged(file) from None


def _damaged(file: Path) -> CacheError:
    return CacheError(f"{file} is missing or damaged; the session will be computed again.")


def _checksums(tensors: dict[str, Array]) -> dict[str, int]:
    return {name: zlib.crc32(array.reshape(-1).view(np.uint8).data) for name, array in tensors.items()}
