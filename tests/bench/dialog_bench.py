"""Opening the dialogs, on a real pseudo-terminal: seconds from the key to the last byte of the picture, beside F1;
frames; and bytes, beside those of a frame that paints the same picture on an unknown screen.

python -m tests.bench.dialog_bench [--rounds N] [--size COLUMNSxROWS]
"""

import argparse
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.e2e.terminal import Terminal

PROGRAM = str(Path(sys.executable).with_name("llm-tui"))
DIALOGS = {
    "F1": ("\x1bOP", "Help ─"),
    "F3": ("\x1bOR", "Search ─"),
    "F4": ("\x1bOS", "Models ─"),
    "F6": ("\x1b[17~", "Session settings ─"),
    "Ctrl+P": ("\x10", "Commands ─"),
    "Ctrl+R": ("\x12", "Prompt history ─"),
}
# Each frame ends with this question.
END_OF_FRAME = b"\x1b[6n"
# Seconds without a byte after which a picture is complete.
QUIET = 0.4


def painted(terminal: Terminal, title: str, act: Callable[[], object]) -> tuple[float, list[bytes]]:
    """Seconds from ``act`` to the last byte of the picture with this title, and its frames."""
    began, before = time.perf_counter(), len(terminal.raw)
    act()
    last, frames = began, [b""]
    while len(frames) < 2 or time.perf_counter() - last < QUIET or title not in terminal.text:
        if terminal.pump():
            last = time.perf_counter()
            frames = bytes(terminal.raw[before:]).split(END_OF_FRAME)
    return last - began, frames[:-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--size", default="80x24")
    options = parser.parse_args()
    columns, rows = map(int, options.size.split("x"))
    seen: dict[str, list[tuple[float, float, int]]] = {name: [] for name in DIALOGS}
    with tempfile.TemporaryDirectory() as directory:
        for kind in ("DATA", "CONFIG", "STATE"):
            os.environ[f"XDG_{kind}_HOME"] = str(Path(directory) / kind)
        with Terminal([PROGRAM], rows, columns, answers=True) as terminal:
            terminal.until("ready|bfloat16|float32")
            for _ in range(options.rounds + 1):  # in turn, so that what else the machine does is shared
                for name, (key, title) in DIALOGS.items():
                    seconds, frames = painted(terminal, title, lambda key=key: terminal.send(key))
                    # The screen may have changed: all of it is painted.
                    _, anew = painted(terminal, title, lambda: terminal.signal(signal.SIGCONT))
                    screens = sum(map(len, frames)) / max(map(len, anew))
                    seen[name].append((seconds, screens, len(frames)))
                    painted(terminal, "", lambda: terminal.send("\x1b"))
    print(f"{options.size}, medians of {options.rounds} rounds after one that is not counted")
    beside = statistics.median(seconds for seconds, _, _ in seen["F1"][1:])
    for name, rounds in seen.items():
        seconds, screens, frames = (statistics.median(figures) for figures in zip(*rounds[1:], strict=True))
        print(
            f"{name:<6} {seconds * 1000:4.0f} ms from key to painted, {seconds / beside:4.2f} of F1; "
            f"{screens:4.2f} screens of bytes in {frames:.0f} frames"
        )


if __name__ == "__main__":
    main()
