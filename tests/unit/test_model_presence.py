"""Which models an imported session keeps."""

from pathlib import Path

import pytest

from tui.services.model_presence import has_model


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "org-model").mkdir()
    (tmp_path / "org-model" / "config.json").write_text("{}")
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    (tmp_path / "empty").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("name", "there"),
    [("guide", True), ("org-model", True), ("model.gguf", True), ("empty", False), ("missing.gguf", False)],
)
def test_what_can_be_loaded_is_there(directory: Path, name: str, there: bool) -> None:
    path = name if name == "guide" else str(directory / name)
    assert has_model((directory,), path) is there


@pytest.mark.parametrize("name", ["", "\0", "x" * 5000, "http://127.0.0.1:1/v1#x"])
def test_what_is_no_name_is_not_there(directory: Path, name: str) -> None:
    assert has_model((directory,), name) is False
