"""`make run` on a fresh clone says at once what it does, and before each step that takes time."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
# Stands for Python: makes an "environment" with itself as its Python and a program that says that it runs. Before each
# step that takes time it waits until the test says that it has read what there was to read.
PYTHON = """#!/bin/sh
case "$*" in
*"-m venv "*) read _ < "$GO"; mkdir -p "$3/bin"; cp "$0" "$3/bin/python"
    printf '#!/bin/sh\\necho started\\n' > "$3/bin/llm-tui"; chmod +x "$3/bin/llm-tui";;
*"pip install"*) read _ < "$GO"; echo "Collecting numpy";;
esac
"""


def test_each_step_is_said_before_it_is_done(tmp_path: Path) -> None:
    python, go, venv = tmp_path / "python", tmp_path / "go", tmp_path / "venv"
    python.write_text(PYTHON)
    python.chmod(0o755)
    os.mkfifo(go)
    command = ["make", "--no-print-directory", "run", f"PYTHON={python}", f"VENV={venv}"]
    make = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "GO": str(go)}, stdout=subprocess.PIPE, text=True)
    assert make.stdout
    assert "making a Python environment" in make.stdout.readline()
    go.write_text("on\n")
    assert "installing what it needs" in make.stdout.readline()
    go.write_text("on\n")
    assert make.stdout.readline() == "Collecting numpy\n"
    assert "first start it compiles the kernels" in make.stdout.readline()
    assert make.stdout.readline() == "started\n"
    assert make.wait() == 0
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert again.stdout == "started\n"
