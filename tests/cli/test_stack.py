"""A small stack is made larger, and one that must stay small is refused in words."""

import subprocess
import sys

import pytest

# Nests as deep as Python allows, on the main thread and on another; a stack that is used up would end it by a signal.
DEEP = """
import json, threading
from tui.process.stack_size import make_room
make_room()
def nest():
    for text in ("[" * 100_000, "[" * 900 + "]" * 900):
        try:
            json.loads(text)
        except RecursionError:
            pass
    def deeper(level):
        return level and deeper(level - 1)
    print(deeper(900))
nest()
thread = threading.Thread(target=nest)
thread.start()
thread.join()
"""


def limited(kind: str, kilobytes: int, *command: str) -> "subprocess.CompletedProcess[str]":
    line = f'ulimit -{kind}s {kilobytes}; exec "$@"'
    return subprocess.run(["sh", "-c", line, "sh", *command], capture_output=True, text=True)


@pytest.mark.parametrize("kilobytes", [128, 256, 1023])
def test_a_stack_that_must_stay_too_small_is_refused(kilobytes: int) -> None:
    done = limited("", kilobytes, sys.executable, "-c", "from tui.cli import main; main()", "--version")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"The stack limit is {kilobytes} kB" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("kilobytes", [128, 256, 1023])
def test_a_small_stack_that_may_grow_does(kilobytes: int) -> None:
    done = limited("S", kilobytes, sys.executable, "-c", DEEP)
    assert (done.returncode, done.stderr, done.stdout.split()) == (0, "", ["0", "0"])


@pytest.mark.parametrize("kilobytes", [1024, 8192])
def test_a_usual_stack_stays_as_it_is(kilobytes: int) -> None:
    code = "from resource import *; from tui.process import stack_size; stack_size.make_room(); print(getrlimit(3)[0])"
    assert limited("", kilobytes, sys.executable, "-c", code).stdout.strip() == str(kilobytes * 1024)
