"""`llm-tui doctor`: what it says of a home, a machine and a terminal."""

import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pexpect
import pytest

from inference import diagnostics
from inference.checkpoint.weight_cache_file import write_packed
from inference.diagnostics import Finding
from inference.sources.places import Places
from tests.cli.running import COMMAND, run, start
from tests.commit_params import first_of
from tests.conversation.disk import small_disk
from tui.conversation.conversation import Conversation
from tui.storage.store import Store


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """A home in which the program has never run, a terminal of today, and numpy's kernels."""
    home = {"HOME": str(tmp_path), "TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", "LC_ALL": ""}
    home |= {"XDG_DATA_HOME": "", "XDG_CONFIG_HOME": "", "XDG_CACHE_HOME": "", "NO_COLOR": "", "TMUX": "", "STY": ""}
    return home | {"SSH_CONNECTION": "", "PYTHONUTF8": "", "LLM_TUI_KERNELS": "numpy"}


examine_built_in = diagnostics._built_in


@cache
def found_built_in(shipped: Path) -> list[Finding]:
    return list(examine_built_in(Places(shipped, (), Path("none"), Path("none"))))


@pytest.fixture(autouse=True)
def built_in_models_are_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are the same in every home, and take longer than all that is looked for here."""
    monkeypatch.setattr(diagnostics, "_built_in", lambda places: found_built_in(places.shipped))


def findings(
    home: dict[str, str], code: int = 0, *arguments: object, run: Callable[..., Any] = run
) -> dict[str, dict[str, Any]]:
    """What ``run`` has the doctor find, by name."""
    result = run("doctor", "--json", *arguments, **home)
    assert (result.returncode, result.stderr) == (code, "")
    found = json.loads(result.stdout)
    assert all(finding["remedy"] or finding["state"] == "ok" for finding in found)
    assert all("\n" not in finding["says"] for finding in found)
    by_name = {finding["what"]: finding for finding in found}
    assert len(by_name) == len(found)
    assert (code == 1) == any(finding["state"] == "problem" for finding in found)
    return by_name


def compiled(home: dict[str, str]) -> dict[str, str]:
    """The same home with compiled kernels, which a program of its own has to look for."""
    return {**home, "LLM_TUI_KERNELS": "", "NUMBA_CACHE_DIR": ""}


def data_directory(home: dict[str, str]) -> Path:
    directory = Path(home["HOME"]) / ".local" / "share" / "llm-tui"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return directory


def database(home: dict[str, str], messages: int = 1) -> Path:
    store, conversation = Store(data_directory(home) / "sessions.db"), Conversation()
    for number in range(messages):
        conversation.tree.add("user", f"message {number} " * 50)
    store.save(conversation)
    store.close()
    return store.file


def test_a_sound_home(home: dict[str, str]) -> None:
    found = findings(home)
    assert found["data directory"]["says"].endswith("will be created when needed")
    assert found["state directory"]["says"].endswith("llm-tui will be created when needed")
    assert found["database"]["says"].endswith("will be created with the first session")
    assert found["model story"]["state"] == "ok"
    assert found["encoding"]["state"] == "ok"
    assert "16777216 colours" in found["terminal"]["says"]
    assert not data_directory(home).joinpath("sessions.db").exists()
    database(home)
    assert "is intact" in findings(home)["database"]["says"]


def test_lines_for_people(home: dict[str, str]) -> None:
    result = start("doctor", **compiled(home))
    assert result.returncode == 0
    states = {line.split(" ")[0] for line in result.stdout.splitlines() if not line.startswith(" ")}
    assert states == {"ok", "note"}
    assert "\nok       model story" in result.stdout
    lines = result.stdout.splitlines()
    window = next(index for index, line in enumerate(lines) if line.startswith("note     terminal size"))
    assert lines[window + 1].lstrip().startswith("→ ")


def test_threads_follow_the_affinity_mask(home: dict[str, str]) -> None:
    if shutil.which("taskset") is None or (os.cpu_count() or 1) < 2:
        pytest.skip("needs taskset and two hardware threads")
    command = ["taskset", "-c", "0", *COMMAND, "doctor", "--json"]
    result = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **home})
    threads = next(finding for finding in json.loads(result.stdout) if finding["what"] == "threads")
    assert threads["says"].startswith("1 (")
    assert "1 in the affinity mask" in threads["says"]


@pytest.mark.slow
def test_kernels_and_their_cache(home: dict[str, str], tiny_model: Path) -> None:
    home = compiled(home)
    cold = findings(home, run=start)
    if cold["kernels"]["says"].startswith("numpy"):
        pytest.skip("numba is not installed")
    assert "compiled by numba" in cold["kernels"]["says"]
    assert cold["kernel cache"]["state"] == "note"
    assert str(Path(home["HOME"]) / ".cache" / "llm-tui" / "kernels") in cold["kernel cache"]["says"]
    # One kernel is enough to be warm; a whole model would take the compiler half a minute.
    code = "from inference.kernels.jit.quantize import quantize_rows; import numpy as np; "
    code += "quantize_rows(np.zeros((1, 32), np.float32), np.zeros((1, 32), np.int8), "
    code += "np.zeros((1, 1), np.float32), np.zeros((1, 1), np.int32), 0)"
    subprocess.run([COMMAND[0].replace("llm-tui", "python"), "-c", code], env={**os.environ, **home}, check=True)
    warm = findings(home, run=start)["kernel cache"]
    assert warm["state"] == "ok"
    assert "compiled kernels in" in warm["says"]


def test_numpy_says_why(home: dict[str, str]) -> None:
    kernels = findings(home)["kernels"]
    assert kernels["state"] == "note"
    assert "LLM_TUI_KERNELS=numpy" in kernels["says"]


@pytest.mark.slow
def test_forced_features_are_told(home: dict[str, str]) -> None:
    forced = {**compiled(home), "NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "+avx2,+fma,+f16c"}
    kernels = findings(forced, run=start)["kernels"]
    assert kernels["state"] == "note"
    assert "avx2" in kernels["says"] and "NUMBA_CPU_FEATURES" in kernels["says"]


def test_a_data_directory_open_to_others(home: dict[str, str]) -> None:
    directory = data_directory(home)
    directory.chmod(0o755)
    found = findings(home, 1)["data directory"]
    assert (found["state"], found["remedy"]) == ("problem", f"chmod 700 {directory}")
    file = database(home)
    directory.chmod(0o700)
    file.chmod(0o644)
    assert findings(home, 1)["database"]["remedy"] == f"chmod 600 {file}"


def test_a_file_where_a_directory_should_be(home: dict[str, str]) -> None:
    (Path(home["HOME"]) / ".cache").write_text("")
    assert "is not a directory" in findings(home, 1)["cache directory"]["says"]


def test_settings(home: dict[str, str]) -> None:
    file = Path(home["HOME"]) / ".config" / "llm-tui" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text("tempratur = 1\nthreads = 1\n")
    found = findings(home)["settings"]
    assert (found["state"], f"{file}, line 1" in found["says"]) == ("note", True)
    file.write_text("threads = 0\n")
    found = findings(home, 1)
    assert (found["settings"]["state"], f"{file}, line 1" in found["settings"]["says"]) == ("problem", True)
    assert "terminal size" in found


def test_a_read_only_home(home: dict[str, str], tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1) as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        found = findings({**home, "XDG_DATA_HOME": str(disk / "data")}, 1)
        assert found["data directory"]["says"] == f"{disk} is not writable"


def test_a_disk_that_is_nearly_full(home: dict[str, str], tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1) as disk:
        assert "MB free on the disk" in findings({**home, "XDG_DATA_HOME": str(disk)}, 1)["data directory"]["says"]


def test_a_damaged_database(home: dict[str, str]) -> None:
    file = database(home, 200)
    with file.open("r+b") as content:
        content.seek(4096 * 3)
        content.write(b"\xff" * 4096 * 3)
    found = findings(home, 1)["database"]
    assert "damaged" in found["says"]
    assert found["remedy"] == "use another one with --db FILE"


def test_foreign_and_newer_databases(home: dict[str, str], tmp_path: Path) -> None:
    file = database(home)
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA user_version = 99")
    assert "newer llm-tui" in findings(home, 1)["database"]["says"]
    with closing(sqlite3.connect(tmp_path / "other.db")) as db:
        db.execute("CREATE TABLE other (x)")
    assert "another program" in findings(home, 1, "--db", tmp_path / "other.db")["database"]["says"]
    (tmp_path / "text.db").write_text("no database at all, but some text that is long enough for a header" * 20)
    assert "damaged" in findings(home, 1, "--db", tmp_path / "text.db")["database"]["says"]


# The encoding is the process's own, and terminfo is read once in each.
PROCESSES = [
    ({"TERM": "dumb"}, "terminal", "problem", "dumb"),
    ({"LANG": "C"}, "encoding", "note", "the locale is C"),
    ({"TERM": "no-such-terminal"}, "terminal", "note", "no terminfo entry for no-such-terminal"),
    ({"TERM": "xterm", "COLORTERM": ""}, "terminal", "note", "8 colours"),
]
TERMINALS = [
    ({"COLORTERM": ""}, "terminal", "ok", "256 colours"),
    ({"NO_COLOR": "1"}, "terminal", "note", "NO_COLOR"),
    ({"SSH_CONNECTION": "192.0.2.7 50000 192.0.2.1 22"}, "terminal", "ok", "over SSH from 192.0.2.7"),
    ({"STY": "1.pts"}, "clipboard", "note", "inside screen"),
]


@pytest.mark.parametrize(("changes", "what", "state", "words"), [*first_of(PROCESSES, 2), *TERMINALS])
def test_terminals(home: dict[str, str], changes: dict[str, str], what: str, state: str, words: str) -> None:
    run_it = start if {"LANG", "TERM"} & changes.keys() else run
    found = findings({**home, **changes}, int(state == "problem"), run=run_it)[what]
    assert found["state"] == state
    assert words in found["says"]


@pytest.mark.parametrize("chosen", ["on", "external", "off"])
def test_tmux(home: dict[str, str], tmp_path: Path, chosen: str) -> None:
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    socket = tmp_path / "tmux"
    tmux = ["tmux", "-S", str(socket), "-f", "/dev/null"]
    subprocess.run([*tmux, "new-session", "-d", "sleep 60"], check=True)
    try:
        subprocess.run([*tmux, "set", "-g", "set-clipboard", chosen], check=True)
        clipboard = findings({**home, "TMUX": f"{socket},1,0"})["clipboard"]
        assert clipboard["state"] == "ok"
        assert chosen in clipboard["says"]
    finally:
        subprocess.run([*tmux, "kill-server"], check=True)


@pytest.mark.parametrize(("rows", "columns", "state"), first_of([(10, 30, "note"), (24, 80, "ok")]))
def test_the_window(home: dict[str, str], rows: int, columns: int, state: str) -> None:
    environment = {**os.environ, **home}
    terminal = pexpect.spawn(
        COMMAND[0], ["doctor"], encoding="utf-8", timeout=None, env=environment, dimensions=(rows, columns)
    )
    terminal.expect(pexpect.EOF)
    line = next(line for line in terminal.before.splitlines() if " terminal size " in line)
    assert line.startswith(state)
    assert f"{columns}x{rows}" in line


def test_saved_weights(home: dict[str, str]) -> None:
    directory = Path(home["HOME"]) / ".cache" / "llm-tui" / "weights"
    directory.mkdir(parents=True)
    buffers = {"a": np.arange(100, dtype=np.uint8), "b": np.zeros(64, np.uint8)}
    for name in ("one", "two"):
        with write_packed(directory / f"{name}.safetensors", {n: b.nbytes for n, b in buffers.items()}, name) as append:
            for buffer in buffers.values():
                append(buffer)
    assert "2 files" in findings(home)["weight cache"]["says"]
    file = directory / "two.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    result = run("doctor", "--json", **home)
    assert result.returncode == 1
    problem, sound = (finding for finding in json.loads(result.stdout) if finding["what"] == "weight cache")
    assert (problem["state"], problem["remedy"]) == ("problem", f"rm {file}")
    assert (sound["state"], sound["says"].split(" ")[0]) == ("ok", "1")
