"""Texts of a document's passages, compressed together: they are long, and repeat each other."""

import zlib
from collections.abc import Sequence

# In no text that is indexed: files with it are binary.
_BETWEEN = "\0"


def pack(texts: Sequence[str]) -> bytes:
    """Compress the texts."""
    return zlib.compress(_BETWEEN.join(texts).encode())


def unpack(packed: bytes) -> list[str]:
    """The texts. Raises zlib.error if they are damaged."""
    return zlib.decompress(packed).decode().split(_BETWEEN)
