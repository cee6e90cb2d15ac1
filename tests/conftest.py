import os
from pathlib import Path

import platformdirs
import pytest

from tests.tiny_model import make_tiny_model

# Tests have homes of their own, but compile the kernels once.
KERNELS = platformdirs.user_cache_path("llm-tui", appauthor=False) / "kernels-tests"
os.environ.setdefault("NUMBA_CACHE_DIR", str(KERNELS))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a tiny random ChatML model."""
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def story_only_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model without a chat template: it can only continue text."""
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny-story", chat_template=None)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own for each test: what is stored goes there."""
    for name in ("DATA", "CONFIG", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    return tmp_path
