"""The texts in a file that was exported: the file itself, or those in the archive that it is. Nothing is unpacked."""

import contextlib
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TextIO

MAGIC = b"PK\x03\x04"
# Conversations shrink to a fifth or a twentieth; what shrinks more than this is there to fill the memory or the time.
MAX_RATIO, ALWAYS_ALLOWED = 200, 2**26
# What holds the conversations of an export, in one file or several; without one of these, every text counts.
_CONVERSATIONS = re.compile(r"(.*/)?conversations[^/]*\.json", re.I)
_TEXTS = re.compile(r"(?!__MACOSX/).*\.(json|md)", re.I)


@contextlib.contextmanager
def texts(file: Path) -> Iterator[Iterator[TextIO]]:
    """One after the other; bytes that are no UTF-8 are read as "surrogateescape" does.

    Raises OSError, and ValueError saying what is wrong with the archive.
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
            raise ValueError(f"it is an archive that cannot be unpacked ({error})") from None


def _members(archive: zipfile.ZipFile, budget: "_Budget") -> Iterator[TextIO]:
    names = [name for name in archive.namelist() if _TEXTS.fullmatch(name)]
    names = [name for name in names if _CONVERSATIONS.fullmatch(name)] or names
    if not names:
        raise ValueError("it is an archive without a conversations.json, or any other JSON or Markdown")
    for name in names:
        with archive.open(name) as member:
            yield _text(io.BufferedReader(_Bounded(member, budget)))


def _text(stream: IO[bytes]) -> TextIO:
    return io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")


class _Budget:
    """How many bytes may still be unpacked."""

    def __init__(self, left: int) -> None:
        self.left = left


class _Bounded(io.RawIOBase):
    """A member of an archive, as far as the budget goes. Raises ValueError beyond it."""

    def __init__(self, member: IO[bytes], budget: _Budget) -> None:
        self._member, self._budget = member, budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        piece = self._member.read(len(buffer))
        buffer[: len(piece)] = piece
        self._budget.left -= len(piece)
        if self._budget.left < 0:
            raise ValueError(f"it unpacks to more than {MAX_RATIO} times its size")
        return len(piece)
