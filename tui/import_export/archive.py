"""Text streams of an export: the file itself, or the members of a ZIP archive. Nothing is extracted to disk."""

import contextlib
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TextIO

MAGIC = b"PK\x03\x04"
# Zip bomb limit; conversations compress to a fifth or a twentieth.
MAX_RATIO, ALWAYS_ALLOWED = 200, 2**26
# Members that hold conversations; if there are none, all JSON and Markdown members are read.
_CONVERSATIONS = re.compile(r"(.*/)?conversations[^/]*\.json", re.I)
_TEXTS = re.compile(r"(?!__MACOSX/).*\.(json|md)", re.I)


@contextlib.contextmanager
def texts(file: Path) -> Iterator[Iterator[TextIO]]:
    """Open the texts one after the other; invalid UTF-8 is read with "surrogateescape".

    Raises OSError, or ValueError for an invalid archive.
    """
    with file.open("rb") as stream:
        packed = stream.read(len(MAGIC)) == MAGIC
        stream.seek(0)
        if not packed:
            yield iter([_text(stream)])
            return
        try:
            with zipfile.ZipFile(stream) as archive:
                yield _members(archive, _Budget(MAX_RATIO * file.stat().st_size + ALWAYS_ALLOWED))
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise ValueError(f"invalid ZIP archive ({error})") from None


def _members(archive: zipfile.ZipFile, budget: "_Budget") -> Iterator[TextIO]:
    names = [name for name in archive.namelist() if _TEXTS.fullmatch(name)]
    names = [name for name in names if _CONVERSATIONS.fullmatch(name)] or names
    if not names:
        raise ValueError("the ZIP archive contains no conversations.json and no other JSON or Markdown")
    for name in names:
        with archive.open(name) as member:
            yield _text(io.BufferedReader(_Bounded(member, budget)))


def _text(stream: IO[bytes]) -> TextIO:
    return io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")


class _Budget:
    """Bytes that may still be decompressed."""

    def __init__(self, left: int) -> None:
        self.left = left


class _Bounded(io.RawIOBase):
    """Reads an archive member. Raises ValueError beyond the budget."""

    def __init__(self, member: IO[bytes], budget: _Budget) -> None:
        self._member, self._budget = member, budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        piece = self._member.read(len(buffer))
        buffer[: len(piece)] = piece
        self._budget.left -= len(piece)
        if self._budget.left < 0:
            raise ValueError(f"it decompresses to more than {MAX_RATIO} times its size")
        return len(piece)
