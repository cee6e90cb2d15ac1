"""The first minute on a machine where no kernel is compiled: when the guide's answers begin, and when the kernels do.

python -m tests.bench.first_start_bench [--starts 3] [--wait SECONDS]

The question is typed as soon as there is an input, or, with --wait, so many seconds after it. The question after that
is asked when the kernels are in use.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.e2e.talking import PROGRAM
from tests.e2e.terminal import Terminal

GOAL = 3.0  # seconds from Enter to the first word
QUESTION = "How do I leave the program?\r"
AGAIN, SECOND_WORD = "And how do I get help?\r", "F1"


def start(directory: Path, wait: float) -> tuple[float, float, float]:
    """Seconds from Enter to the first word, until the kernels were in use, and to the first word after that."""
    homes = {f"XDG_{kind}_HOME": str(directory / kind.lower()) for kind in ("DATA", "CONFIG", "CACHE", "STATE")}
    os.environ.pop("NUMBA_CACHE_DIR", None)
    with Terminal([PROGRAM, "--model", "guide"], 24, 80, env=homes, answers=True) as terminal:
        began = time.perf_counter()
        terminal.until("Enter send")
        time.sleep(wait)
        asked = time.perf_counter()
        terminal.send(QUESTION)
        seen = terminal.text.count("Ctrl+Q")
        while terminal.text.count("Ctrl+Q") <= seen:
            terminal.pump()
        first = time.perf_counter() - asked
        terminal.until("compiling kernels")
        while "compiling" in terminal.text:
            terminal.pump()
        ready = time.perf_counter() - began
        asked = time.perf_counter()
        terminal.send(AGAIN)
        seen = terminal.text.count(SECOND_WORD)
        while terminal.text.count(SECOND_WORD) <= seen:
            terminal.pump()
        return first, ready, time.perf_counter() - asked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--wait", type=float, default=0)
    options = parser.parse_args()
    slowest = 0.0
    for number in range(1, options.starts + 1):
        with tempfile.TemporaryDirectory() as directory:
            first, ready, second = start(Path(directory), options.wait)
        slowest = max(slowest, first)
        print(f"start {number}: first word after {first:.2f} s; kernels after {ready:.0f} s, then {second:.2f} s")
    sys.exit(slowest > GOAL)


if __name__ == "__main__":
    main()
