"""Files of weights that change while they are mapped into memory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from inference import Model
from inference.checkpoint import weight_cache
from tests.attack.conftest import Attack
from tests.attack.weight_changes import CHANGES
from tests.tiny_model import make_tiny_model


@pytest.mark.parametrize("kernels", ["", pytest.param("numpy", marks=pytest.mark.slow)])
def test_weights_that_change_under_a_mapping(tmp_path: Path, attack: Attack, kernels: str) -> None:
    with attack("weights under a mapping"):
        code = "from tests.attack.weight_changes import Path, change_under_models"
        code += f"; change_under_models(Path({str(tmp_path)!r}))"
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"LLM_TUI_KERNELS": kernels},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert [line.split()[0] for line in lines] == [change.__name__ for change in CHANGES] * 2
        for line in lines:
            if line.startswith(("replaced", "unlink")):
                assert line.endswith("[True, True]"), line
            else:
                assert line.count("has been changed while it was in use") == 2, line


def test_another_process_that_opens_packed_weights_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It notes that they were used, which is not to be taken for writing."""
    monkeypatch.setattr(weight_cache, "WORTH_SAVING", 0)
    directory = make_tiny_model(tmp_path / "model")
    model = Model.load(directory, "int8")
    (file,) = weight_cache.Shelf().files()
    os.utime(file, ns=(0, file.stat().st_mtime_ns))
    Model.load(directory, "int8")
    assert file.stat().st_atime_ns > 0
    model.forward([5], model.new_cache())
