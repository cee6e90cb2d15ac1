"""Finds and reads documents: text, Markdown, reStructuredText, source code, HTML and PDF."""

import codecs
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tui.documents.errors import DocumentError
from tui.terminal.sanitize import one_line
from tui.terminal.typed_text import normalized

Kind = Literal["text", "markdown", "rst", "html", "pdf", "code"]
LARGEST = 16 * 2**20
_CODE = """.py .c .h .cc .cpp .hpp .cs .go .rs .java .kt .scala .swift .js .ts .tsx .jsx .rb .pl .php .lua .r .jl .hs
    .ml .ex .erl .clj .sh .bash .zsh .fish .ps1 .sql .css .scss .tcss .toml .yaml .yml .json .ini .cfg .xml .vim .el
    .zig .nim .dart .m .s .asm .proto"""
KINDS: dict[str, Kind] = {
    **dict.fromkeys((".md", ".markdown", ".mdown"), "markdown"),
    **dict.fromkeys((".rst", ".rest"), "rst"),
    **dict.fromkeys((".html", ".htm", ".xhtml"), "html"),
    ".pdf": "pdf",
    **dict.fromkeys(_CODE.split(), "code"),
}
# Of text, but not to be read.
PICTURES = (".svg",)
# Byte order marks, the longer before those that they begin with.
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True)
class FileState:
    """What tells, without reading a file, whether it has changed."""

    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Document:
    """A text with \\n as line ends. Ranges of characters in passages are those of ``text``."""

    text: str
    kind: Kind


def kind_of(path: Path) -> Kind:
    return KINDS.get(path.suffix.lower(), "text")


def find_files(root: Path, leave_out: Callable[[str], None]) -> Iterator[tuple[Path, FileState]]:
    """Yield the regular files at ``root``, in order; ``leave_out`` gets a sentence about each other.

    Hidden files and folders are not looked at, unless ``root`` is one. Links are followed within ``root`` only, where
    what they lead to is found by itself.
    """
    try:
        state = root.stat()
    except OSError as error:
        leave_out(_unreadable(root, error))
        return
    if stat.S_ISDIR(state.st_mode):
        yield from _find_below(root, root.resolve(), leave_out)
    elif stat.S_ISREG(state.st_mode):
        yield root, FileState(state.st_size, state.st_mtime_ns)
    else:
        leave_out(f"{shown(root)} is not a file or folder.")


def _find_below(folder: Path, root: Path, leave_out: Callable[[str], None]) -> Iterator[tuple[Path, FileState]]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if not entry.name.startswith("."))
    except OSError as error:
        leave_out(_unreadable(folder, error))
        return
    for name in names:
        path = folder / name
        try:
            state = path.lstat()
            if stat.S_ISLNK(state.st_mode):
                if not path.resolve().is_relative_to(root):
                    leave_out(f"{shown(path)} links to {shown(path.resolve())}, outside of the folder.")
            elif stat.S_ISDIR(state.st_mode):
                yield from _find_below(path, root, leave_out)
            elif stat.S_ISREG(state.st_mode):
                yield path, FileState(state.st_size, state.st_mtime_ns)
            else:
                leave_out(f"{shown(path)} is not a file or folder.")
        except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
            leave_out(_unreadable(path, error))


def read_bytes(path: Path) -> bytes:
    """The content of a file of at most 16 MB. Raises DocumentError."""
    try:
        # Not blocking: a pipe may have taken the file's place.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise DocumentError(f"{shown(path)} is not a file.")
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise DocumentError(_unreadable(path, error)) from None
    if len(content) > LARGEST:
        raise DocumentError(f"{shown(path)} is larger than {LARGEST // 2**20} MB.")
    return content


def decode(content: bytes, path: Path) -> Document:
    """The text of a file: UTF-8, or UTF-16 or UTF-32 with a byte order mark, or that of a PDF.

    Raises DocumentError for any other.
    """
    if kind_of(path) == "pdf":
        from tui.documents.pdf_text import pdf_text

        return Document(normalized(pdf_text(content, shown(path), LARGEST)), "pdf")
    if path.suffix.lower() in PICTURES:
        raise DocumentError(f"{shown(path)} is a picture.")
    mark, encoding = next(((mark, name) for mark, name in MARKS if content.startswith(mark)), (b"", "utf-8"))
    try:
        text = content[len(mark) :].decode(encoding)
    except UnicodeDecodeError:
        what = "a binary file" if b"\0" in content else "not UTF-8 text"
        raise DocumentError(f"{shown(path)} is {what}.") from None
    if "\0" in text:
        raise DocumentError(f"{shown(path)} is a binary file.")
    return Document(normalized(text), kind_of(path))


def shown(path: Path) -> str:
    """A path in a sentence, whatever characters are in it."""
    return one_line(os.fsencode(path).decode("utf-8", "replace"))


def _unreadable(path: Path, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{shown(path)} does not exist."
    return f"Cannot read {shown(path)}: {getattr(error, 'strerror', None) or error}."
