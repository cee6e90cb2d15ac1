"""Files that are found and read, and the sentence about each that is not."""

import os
from pathlib import Path

import pytest

from tui.documents import reading
from tui.documents.errors import DocumentError
from tui.documents.reading import decode, find_files, read_bytes


def found(root: Path) -> tuple[list[str], list[str]]:
    left_out: list[str] = []
    files = [str(path.relative_to(root)) for path, _ in find_files(root, left_out.append)]
    return files, left_out


def test_a_folder_is_walked_in_order_without_hidden_files(tmp_path: Path) -> None:
    for name in ("b.md", "a.txt", "deep/er/c.py", ".git/config", ".hidden", "deep/.cache/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert found(tmp_path) == (["a.txt", "b.md", "deep/er/c.py"], [])


def test_links_are_followed_within_the_folder_only(tmp_path: Path) -> None:
    folder, outside = tmp_path / "folder", tmp_path / "outside.txt"
    folder.mkdir()
    outside.write_text("secret")
    (folder / "a.txt").write_text("x")
    (folder / "again.txt").symlink_to(folder / "a.txt")
    (folder / "out.txt").symlink_to(outside)
    (folder / "up").symlink_to(tmp_path)
    (folder / "self").symlink_to(folder / "self")
    (folder / "gone.txt").symlink_to(folder / "nothing")
    files, left_out = found(folder)
    assert files == ["a.txt"]
    assert sum("outside of the folder" in sentence for sentence in left_out) == 2
    assert all(sentence.endswith(".") and "\n" not in sentence for sentence in left_out)


def test_what_is_no_file_is_left_out(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert found(tmp_path) == ([], [f"{tmp_path / 'pipe'} is not a file or folder."])
    with pytest.raises(DocumentError, match="is not a file"):
        read_bytes(tmp_path / "pipe")


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    left_out: list[str] = []
    assert list(find_files(tmp_path / "nothing", left_out.append)) == []
    assert left_out == [f"{tmp_path / 'nothing'} does not exist."]
    with pytest.raises(DocumentError, match=r"gone\.txt does not exist"):
        read_bytes(tmp_path / "gone.txt")


def test_a_huge_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "huge.txt"
    with file.open("wb") as out:
        out.truncate(reading.LARGEST + 1)
    with pytest.raises(DocumentError, match="larger than 16 MB"):
        read_bytes(file)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_texts_that_say_their_encoding(encoding: str) -> None:
    document = decode("Naïve\r\nfaçade 東京\r".encode(encoding), Path("a.txt"))
    assert document.text == "Naïve\nfaçade 東京\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("Grüße".encode("latin-1"), "is not UTF-8 text"),
        (b"\x89PNG\r\n\x1a\n\0\0", "is a binary file"),
        (b"text\0text", "is a binary file"),
        (b"\x7fELF\x02\x01\0", "is a binary file"),
    ],
)
def test_what_is_no_text_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(DocumentError, match=words):
        decode(content, Path("a.txt"))


def test_a_text_with_escape_sequences_is_a_text() -> None:
    assert decode(b"\x1b[31mred\x07", Path("log.txt")).text == "\x1b[31mred\x07"


def test_a_picture_of_text_is_refused() -> None:
    with pytest.raises(DocumentError, match=r"a\.svg is a picture"):
        decode(b"<svg><text>x</text></svg>", Path("a.svg"))


def test_a_name_with_escape_sequences_is_shown_without_them(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\x1b[31m\xff.txt"
    Path(os.fsdecode(name)).write_bytes(b"\0")
    with pytest.raises(DocumentError) as refused:
        decode(b"\0", Path(os.fsdecode(name)))
    assert "\x1b" not in str(refused.value)
    str(refused.value).encode()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.md", "markdown"),
        ("A.RST", "rst"),
        ("a.htm", "html"),
        ("a.py", "code"),
        ("README", "text"),
        ("a.txt", "text"),
    ],
)
def test_kinds(name: str, kind: str) -> None:
    assert decode(b"x", Path(name)).kind == kind
