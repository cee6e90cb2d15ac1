"""Fixtures of the tests of conversations, their database and their files."""

from pathlib import Path

import pytest

from tui.storage.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "s.db")
