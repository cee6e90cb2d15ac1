"""Lorebooks and cards go in and come out unchanged; what is none ends in a sentence."""

import base64
import json
import os
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conversation.lorebooks import card, world_info
from tui.import_export import lorebook_file
from tui.import_export.lorebook_file import LARGEST, MAX_ENTRIES, MAX_KEYS, read_file, write_file
from tui.storage.errors import StoreError


def image(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG with these chunks between its header and its end."""
    whole = (b"IHDR", b"\0\0\0\1\0\0\0\1\x08\0\0\0\0"), *chunks, (b"IEND", b"")
    packed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in whole
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def chara(value: object) -> tuple[bytes, bytes]:
    return b"tEXt", b"chara\0" + base64.b64encode(json.dumps(value).encode())


@pytest.mark.parametrize("value", [world_info, card])
def test_a_file_comes_out_as_it_went_in(value: Callable[[], dict[str, Any]], tmp_path: Path) -> None:
    file, out = tmp_path / "in.json", tmp_path / "out.json"
    file.write_text(json.dumps(value(), ensure_ascii=False, indent=4) + "\n", encoding="utf-8")
    assert write_file(read_file(str(file)), str(out)) == out
    assert out.read_bytes() == file.read_bytes()


def test_a_card_in_an_image_is_read_and_written_as_json(tmp_path: Path) -> None:
    file = tmp_path / "ilse.png"
    file.write_bytes(image((b"tEXt", b"other\0x"), chara(card())))
    book = read_file(str(file))
    assert book.value == card()
    assert write_file(book, str(tmp_path)) == tmp_path / "Ilse.json"
    assert json.loads((tmp_path / "Ilse.json").read_text()) == card()


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    file = tmp_path / "in.json"
    file.write_bytes(b"\xef\xbb\xbf" + json.dumps(world_info()).encode())
    assert len(read_file(str(file)).entries) == 4


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "in.json"
    file.write_text(json.dumps(world_info()))
    with pytest.raises(StoreError, match=r"in\.json already exists"):
        write_file(read_file(str(file)), str(file))
    assert json.loads(file.read_text()) == world_info()
    with pytest.raises(StoreError, match="Cannot write"):
        write_file(read_file(str(file)), str(tmp_path / "missing" / "out.json"))


MANY = {str(number): {} for number in range(MAX_ENTRIES + 1)}
KEYS = {"0": {"key": ["x"] * (MAX_KEYS + 1)}}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is not JSON"),
        (b"hello", "is not JSON"),
        (b'{"entries": {}', "is not JSON"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b'{"entries": {}, "x": "\\ud800"}', "is not UTF-8 text"),
        (b'{"entries": {}, "x": NaN}', "NaN is not a JSON number"),
        (b'{"entries": {}, "x": ' + b"[" * 100 + b"]" * 100 + b"}", "nested too deeply"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"entries": {}, "x": ' + b"9" * 5000 + b"}", "is not JSON"),
        (b"[]", "is not a lorebook"),
        (b'{"entries": []}', "another format"),
        (b'{"spec": "chara_card_v1"}', "version chara_card_v1"),
        (b" " * (LARGEST + 1), "is larger than 4 MB"),
        (json.dumps({"entries": MANY}).encode(), f"more than {MAX_ENTRIES} entries"),
        (json.dumps({"entries": KEYS}).encode(), f"more than {MAX_KEYS} keys"),
        (image(), "an image without a card"),
        (image((b"tEXt", b"chara\0!!!")), "an image with a damaged card"),
        (image((b"tEXt", b"chara\0" + base64.b64encode(b"no"))), "is not JSON"),
        (image(chara(world_info()))[:60], "an image with a damaged card|is not JSON|an image without"),
        (image() + b"\xff" * 20, "an image without a card"),
    ],
    ids=range(20),
)
def test_a_file_that_cannot_be_used_ends_in_a_sentence(content: bytes, told: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    file.write_bytes(content)
    with pytest.raises(StoreError, match=told) as raised:
        read_file(str(file))
    assert str(raised.value).startswith(str(file)) and str(raised.value).endswith(".")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, told in [("pipe", "is not a file"), ("", "is not a file"), ("missing", "No such file")]:
        with pytest.raises(StoreError, match=told):
            read_file(str(tmp_path / name))
    with pytest.raises(StoreError, match="Cannot read"):
        read_file("~nobody-of-that-name/x.json")
    with pytest.raises(StoreError, match="Cannot read"):
        read_file("\0")


def test_a_huge_file_takes_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lorebook_file, "LARGEST_IMAGE", 1 << 20)
    file = tmp_path / "huge.png"
    with file.open("wb") as out:
        out.write(b"\x89PNG\r\n\x1a\n")
        out.truncate(1 << 30)
    tracemalloc.start()
    with pytest.raises(StoreError, match="is larger than 1 MB"):
        read_file(str(file))
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()
