"""What tests of downloads share."""

import subprocess
from pathlib import Path


def downloads(home: dict[str, str]) -> Path:
    return Path(home["XDG_DATA_HOME"]) / "llm-tui" / "models"


def sentence(result: subprocess.CompletedProcess[str]) -> str:
    """The one that a failure ends in."""
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.endswith(".\n")
    assert result.stderr.count("\n") == 1
    return result.stderr
