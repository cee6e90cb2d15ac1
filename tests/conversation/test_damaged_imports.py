"""Files to import that are damaged or something else: one sentence each, and the sound sessions are imported."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conversation.exports import GOOD, OTHER, write
from tui.import_export.importer import import_file
from tui.storage.errors import StoreError
from tui.storage.store import Store


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (GOOD[:-3].encode(), "cut short within object 1"),
        (b"[1, 2]", "object 1 does not begin with a brace"),
        (b"[" * 100_000, "object 1 does not begin with a brace"),
        (b'{"a":' * 100_000, "object 1 is nested too deeply"),
        (b'{"mapping": ' + b"[" * 100_000, "nested too deeply"),
        (b'{"a": NaN}', "NaN is not a number"),
        (b'{"a": 1' + b"0" * 5000 + b"}", "integer"),
        (b'{"a": tru}' + b" " * 100, "Expecting value"),
        (b'{"a": "\xff"}', "not UTF-8 text"),
        (GOOD.encode("utf-16"), "not UTF-8 text"),
        (b"PK\x03\x04\xff\xfe", "invalid ZIP archive"),
        (b"\x7fELF\x02\x01\x01", "neither JSON nor Markdown"),
        (b"[{}]", "unrecognised format"),
    ],
)
def test_files_that_are_no_good(store: Store, tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "s.json"
    file.write_bytes(content)
    with pytest.raises(StoreError, match=words) as caught:
        import_file(store, file)
    assert str(file) in str(caught.value)
    assert store.sessions(5) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (f"[{GOOD}", "missing comma after object 1"),
        (f"[{GOOD},", "cut short"),
        (f"[{GOOD} {GOOD}]", "missing comma after object 1"),
        (f"[{GOOD}] x", "extra data after the end"),
        (f"{GOOD} x", "extra data after the end"),
        (f'[{GOOD}, {{"mapping": {{"a', "cut short within object 2"),
    ],
)
def test_what_comes_before_the_end_of_all_sense_is_imported(
    store: Store, tmp_path: Path, content: str, words: str
) -> None:
    (tmp_path / "s.json").write_text(content)
    imported = import_file(store, tmp_path / "s.json")
    assert [store.read(session_id).opening for session_id in imported.session_ids] == ["good"]
    (refused,) = imported.refused
    assert words in refused and "the sessions before it were imported" in refused


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (b'{"a": tru}', "Expecting value"),
        (b'{"a": NaN}', "NaN is not a number"),
        (b'{"a": 1' + b"0" * 5000 + b"}", "integer"),
        (b'{"a": "\xff"}', "not UTF-8 text"),
        (b'{"a": "} ] \\" \x01 ]"}', "Invalid control character"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
        (b"[[1, 2], {}]", "does not begin with a brace"),
        (b'"te,xt]"', "does not begin with a brace"),
        (b"null", "does not begin with a brace"),
        (b"{}", "unrecognised format"),
        (b'{"mapping": []}', "mapping is not an object"),
        (b'{"chat_messages": {}}', "chat_messages are not a list"),
        (b'{"chat": {"history": []}}', "no messages by id"),
    ],
)
def test_one_bad_session_does_not_keep_out_the_others(store: Store, tmp_path: Path, bad: bytes, words: str) -> None:
    (tmp_path / "s.json").write_bytes(b"[" + GOOD.encode() + b" , " + bad + b" , " + OTHER.encode() + b"]")
    imported = import_file(store, tmp_path / "s.json")
    assert [store.read(session_id).opening for session_id in imported.session_ids] == ["good", "other"]
    (refused,) = imported.refused
    assert refused.startswith("session 2 cannot be read: ") and words in refused


def test_files_that_are_none(store: Store, tmp_path: Path) -> None:
    for path, told in [
        (tmp_path, "is not a file"),
        (tmp_path / "nothing", "does not exist"),
        (Path("/dev/zero"), "is not a file"),
    ]:
        with pytest.raises(StoreError, match=told):
            import_file(store, path)


def test_an_empty_list_has_no_sessions(store: Store, tmp_path: Path) -> None:
    assert import_file(store, write(tmp_path / "s.json", [])).session_ids == []


@given(st.integers(0, len(GOOD.encode()) - 1), st.binary(max_size=8), st.integers(0, 20))
@settings(max_examples=150, deadline=None)
def test_other_bytes_anywhere_end_in_a_sentence_or_an_import(
    tmp_path_factory: Any, place: int, other: bytes, gone: int
) -> None:
    directory = tmp_path_factory.mktemp("fuzz")
    whole = GOOD.encode()
    (directory / "s.json").write_bytes(whole[:place] + other + whole[place + gone :])
    store = Store(directory / "s.db")
    try:
        for session_id in import_file(store, directory / "s.json").session_ids:
            store.open(session_id)
    except StoreError as error:
        assert str(error).count("\n") == 0
    finally:
        store.close()
