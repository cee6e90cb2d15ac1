"""Names of a directory for completion."""

from pathlib import Path

import pytest

from tui.storage import text_files
from tui.storage.text_files import list_names


def test_names_of_a_directory_that_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b.txt", "A b.txt", "line\nbreak", " blank", "\udcff"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    assert list_names(str(tmp_path)) == ["A b.txt", "b.txt", "folder/"]
    monkeypatch.chdir(tmp_path)
    assert list_names("") == ["A b.txt", "b.txt", "folder/"]
    monkeypatch.setenv("HOME", str(tmp_path))
    assert list_names("~/") == ["A b.txt", "b.txt", "folder/"]
    monkeypatch.setattr(text_files, "LOOKED_THROUGH", 2)
    assert len(list_names("")) <= 2
    assert (
        list_names("nowhere/") == list_names("b.txt") == list_names("~nobody-of-this-name/") == list_names("\0") == []
    )
