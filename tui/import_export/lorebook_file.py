"""Lorebook files: lorebook JSON (World Info) and Character Card V2, as JSON or within a PNG."""

import base64
import binascii
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tui.conversation.lorebook import Book, BookError, read_book
from tui.import_export.target import file_name
from tui.storage.errors import StoreError

# Bytes of JSON, and of an image that has it.
LARGEST, LARGEST_IMAGE = 4 * 2**20, 32 * 2**20
MAX_ENTRIES, MAX_KEYS = 10_000, 20_000
MAX_NESTED = 30
PNG = b"\x89PNG\r\n\x1a\n"
# The text chunk of cards in images: a keyword, then JSON in base64.
KEYWORD = b"chara\0"


def read_file(name: str) -> Book:
    """The lorebook in a file. Raises StoreError with a sentence for one that cannot be used."""
    try:
        path = Path(name).expanduser()
    except RuntimeError as error:
        raise StoreError(f"Cannot read {name} ({error}).") from None
    try:
        if path.exists() and not path.is_file():  # a pipe or device may be endless
            raise StoreError(f"{path} is not a file.")
        with path.open("rb") as file:
            data = file.read(LARGEST_IMAGE + 1)
    except (OSError, ValueError) as error:
        raise StoreError(f"Cannot read {path} ({getattr(error, 'strerror', None) or error}).") from None
    try:
        book = read_book(_value(_card(data) if data.startswith(PNG) else data))
        _check_size(book)
    except BookError as error:
        raise StoreError(f"{path} {error}.") from None
    return book


def write_file(book: Book, name: str) -> Path:
    """Write the lorebook in its own format to a new file; ``name`` may be a directory. Raises StoreError."""
    from tui.storage.text_files import TextFileError, save_text

    path = Path(name)
    try:
        if path.expanduser().is_dir():
            path /= f"{file_name(book.name or 'lorebook')}.json"
        return save_text(str(path), json.dumps(book.value, ensure_ascii=False, indent=4))
    except TextFileError as error:
        raise StoreError(str(error)) from None
    except (OSError, RuntimeError) as error:
        raise StoreError(f"Cannot write {name} ({error}).") from None


def _card(image: bytes) -> bytes:
    """The JSON of the card in a PNG."""
    if len(image) > LARGEST_IMAGE:
        raise BookError(f"is larger than {LARGEST_IMAGE // 2**20} MB")
    for kind, content in _chunks(image):
        if kind == b"tEXt" and content.startswith(KEYWORD):
            try:
                return base64.b64decode(content.removeprefix(KEYWORD), validate=True)
            except binascii.Error:
                raise BookError("is an image with a damaged card") from None
    raise BookError("is an image without a card")


def _chunks(image: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = len(PNG)
    while position + 8 <= len(image):
        size, kind = struct.unpack(">I4s", image[position : position + 8])
        yield kind, image[position + 8 : position + 8 + size]
        position += size + 12  # length, kind, content, checksum


def _value(data: bytes) -> Any:
    if len(data) > LARGEST:
        raise BookError(f"is larger than {LARGEST // 2**20} MB")
    try:
        value = json.loads(data.decode("utf-8-sig"), parse_constant=_refuse)
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeError:
        raise BookError("is not UTF-8 text") from None
    except RecursionError:
        raise BookError("is nested too deeply") from None
    except ValueError as error:
        raise BookError(f"is not JSON ({error})") from None
    level = [value]
    for _ in range(MAX_NESTED):
        level = [item for each in level if isinstance(each, dict | list) for item in _items(each)]
    if level:
        raise BookError("is nested too deeply")
    return value


def _items(value: dict[str, Any] | list[Any]) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a JSON number")


def _check_size(book: Book) -> None:
    if len(book.entries) > MAX_ENTRIES:
        raise BookError(f"has more than {MAX_ENTRIES} entries")
    if sum(len(entry.keys) + len(entry.secondary) for entry in book.entries) > MAX_KEYS:
        raise BookError(f"has more than {MAX_KEYS} keys")
