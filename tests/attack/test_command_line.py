"""Odd streams, names, limits and surroundings: one sentence, the right exit code, and no page of Python."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.attack.conftest import Attack
from tests.cli.running import run
from tests.e2e.talking import PROGRAM
from tests.e2e.terminal import Terminal

LONG = "a" * 5000
# What a shell is asked to run, the exit code, and words of what is said.
ODD = [
    ("{P} <&-", 2, "needs a terminal"),
    ("{P} >&-", 2, "needs a terminal"),
    ("{P} 2>&-", 2, ""),
    ("{P} <&- >&- 2>&-", 2, ""),
    ("{P} chat <&-", 2, "Missing prompt"),
    ("{P} chat x --model {M} <&- >&-", 1, "Standard output is closed"),
    ("{P} story --model {M} < /dev/zero", 1, "20 million characters"),
    ("yes | {P} chat --model {M}", 1, "20 million characters"),
    ("{P} models >&-", 1, "Standard output is closed"),
    ("{P} models > /dev/full", 1, "Cannot write the output"),
    ("{P} --help > /dev/full", 1, "Cannot write the output"),
    ("{P} export $'\\xff'", 2, "not UTF-8"),
    ("ulimit -v 400000; {P} story x --model {M}", 1, "`ulimit -v`"),
    pytest.param("ulimit -v 400000; {P} chat x --model {M}", 1, "`ulimit -v`", marks=pytest.mark.slow),
    ("ulimit -v 100000; {P} models", 1, "`ulimit -v`"),
    ("XDG_CONFIG_HOME=/dev/null {P} sessions", 1, "Not a directory"),
    ("PYTHONIOENCODING=ascii:strict {P} themes", 0, ""),
    ("COLUMNS=-5 LINES=abc {P} --help", 0, ""),
    ("mkdir gone; cd gone; rmdir ../gone; {P} story x --model .", 1, ""),
]
# Arguments that need no shell.
NAMES = [
    (("story", "x", "--model", "~nosuchuser"), "There is no model ~nosuchuser."),
    (("bench", "~nosuchuser/x"), "~nosuchuser/x"),
    (("sessions", "--db", "~nosuchuser/x"), "~nosuchuser/x does not exist"),
    (("sessions", "--db", LONG), "too long"),
    (("import", LONG), "too long"),
    (("story", "x", "--model", LONG), "too long"),
    (("import", "/dev/zero"), "not a file"),
    (("sessions", "--db", "/dev/zero"), "Cannot open or write /dev/zero"),
]


@pytest.mark.parametrize(("arguments", "words"), NAMES)
def test_a_name_of_nothing_is_one_sentence(arguments: tuple[str, ...], words: str, tmp_path: Path,
                                           attack: Attack) -> None:  # fmt: skip
    with attack("command line: odd surroundings"):
        done = run(*arguments, LLM_TUI_KERNELS="numpy")
        assert (done.returncode, words in done.stderr) == (1, True), done.stderr
        assert "Traceback" not in done.stderr and len(done.stderr.splitlines()) <= 4
        assert not list(tmp_path.rglob("errors.log"))


@pytest.mark.parametrize(("command", "code", "words"), ODD)
def test_one_sentence(command: str, code: int, words: str, tiny_model: Path, tmp_path: Path, attack: Attack) -> None:
    line = command.format(P=PROGRAM, M=tiny_model)
    with attack("command line: odd surroundings"):
        done = subprocess.run(
            ["bash", "-c", line],
            capture_output=True,
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            env=os.environ | {"LLM_TUI_KERNELS": "numpy"},
        )
        said = done.stderr.decode()
        assert (done.returncode, words in said) == (code, True), said
        assert "Traceback" not in said and "mistake" not in said and len(said.splitlines()) <= 4
        assert not list(tmp_path.rglob("errors.log"))


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"TERM": "dumb"}, "TERM=dumb"),
        ({"LC_ALL": "en_US.ISO-8859-1"}, "ISO-8859-1"),
        ({"LC_ALL": "ja_JP.eucJP"}, "eucJP"),
    ],
)
def test_a_terminal_that_cannot_show_it(environment: dict[str, str], words: str, attack: Attack) -> None:
    with attack("command line: odd terminals"), Terminal([PROGRAM], env=environment) as terminal:
        assert terminal.wait() == 2
        assert words in terminal.text.replace("\n", " ")
        assert "llm-tui chat" in terminal.text.replace("\n", " ")
        assert b"\x1b[?1049h" not in terminal.raw


@pytest.mark.e2e
@pytest.mark.parametrize(
    "locale", ["C", *(pytest.param(each, marks=pytest.mark.slow) for each in ("POSIX", "C.UTF-8", "en_US.utf8"))]
)
def test_these_locales_show_it(locale: str, attack: Attack) -> None:
    with attack("command line: odd terminals"), Terminal([PROGRAM], env={"LC_ALL": locale}) as terminal:
        terminal.until("Ask anything")
        terminal.press("ctrl+q")
        assert terminal.wait() == 0


@pytest.mark.slow
@pytest.mark.e2e
def test_standard_error_may_be_a_file(tmp_path: Path, attack: Attack) -> None:
    errors = tmp_path / "errors"
    with attack("command line: odd surroundings"), Terminal(["bash", "-c", f"{PROGRAM} 2>{errors}"]) as terminal:
        terminal.until("Ask anything")
        terminal.press("ctrl+q")
        assert terminal.wait() == 0
    assert errors.read_text() == ""


STREAMS = """\
import os
from tui import cli
def run():
    streams = [os.readlink(f"/proc/self/fd/{number}") for number in range(3)]
    open("found", "w").write(" ".join(streams))
    return 0
cli._run = run
cli.main()
"""


def test_files_do_not_take_the_place_of_closed_streams(tmp_path: Path, attack: Attack) -> None:
    """What a library says to standard error must not be written into the database."""
    (tmp_path / "program.py").write_text(STREAMS)
    with attack("command line: odd surroundings"):
        subprocess.run(["bash", "-c", f"{sys.executable} program.py <&- >&- 2>&-"], cwd=tmp_path, check=True)
    assert (tmp_path / "found").read_text() == "/dev/null /dev/null /dev/null"
