"""From a key press to the screen, and from Esc to a stopped reply, over SSH on a slow line, while a model writes as
fast as it can; and from Esc after the line was frozen.

python -m tests.bench.slow_link_bench [--rate BYTES] [--delay SECONDS] [--keys N] [--frozen SECONDS]
"""

import argparse
import os
import random
import statistics
import tempfile
import time
from pathlib import Path

from tests.e2e.login import login_command, remotely, ssh_server
from tests.e2e.slow_link import SlowLink
from tests.e2e.talking import PROGRAM, WRITING, until_gone
from tests.e2e.terminal import Terminal
from tests.tiny_model import make_counting_model

LOST = 30.0  # seconds after which a key is not late but lost


def begin(terminal: Terminal, mode: str) -> None:
    if mode == "story":
        terminal.press("1", "f5")
    else:
        terminal.press("count", "enter")
    terminal.until(WRITING, 120)
    end = time.monotonic() + 3
    while time.monotonic() < end:
        terminal.pump()


def key_delays(terminal: Terminal, mode: str, keys: int) -> list[float]:
    """Seconds until a letter stands in the input; in a story, which takes none meanwhile, until F9 has shown or hidden
    the sessions, or at 80 columns F1 the help.
    """
    delays = []
    random.seed(0)
    typed = ""
    for turn in range(keys):
        if mode == "chat":
            key = random.choice("abcdefghijklmnopqrstuvwxyz")
            typed += key
            shown = lambda: typed in terminal.text.replace("\n", "")  # noqa: E731, B023
        elif terminal.screen.columns >= 140:
            key, before = "\x1b[20~", "Sessions" in terminal.text
            shown = lambda: ("Sessions" in terminal.text) != before  # noqa: E731, B023
        else:
            key, wanted = ("\x1bOP", True) if turn % 2 == 0 else ("\x1b", False)
            shown = lambda: ("type to filter" in terminal.text) == wanted  # noqa: E731, B023
        began = time.perf_counter()
        terminal.send(key)
        while not shown():
            assert time.perf_counter() - began < LOST, f"{key!r} did not come on this screen:\n{terminal.text}"
            terminal.pump(0.05)
        delays.append(time.perf_counter() - began)
        pause = time.perf_counter() + random.uniform(0.05, 0.4)
        while (left := pause - time.perf_counter()) > 0:
            terminal.pump(left)
    if mode == "story" and "type to filter" in terminal.text:
        terminal.press("escape")
    return delays


def stop_delay(terminal: Terminal) -> float:
    began = time.perf_counter()
    terminal.send("\x1b")
    until_gone(terminal, WRITING, 120)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=float, default=50_000)
    parser.add_argument("--delay", type=float, default=0.2, help="there and back")
    parser.add_argument("--keys", type=int, default=40)
    parser.add_argument("--frozen", type=float, default=14)
    options = parser.parse_args()
    print(f"SSH over {options.rate / 1000:.0f} kB/s and {options.delay * 1000:.0f} ms, a model at full speed")
    for rows, columns in ((24, 80), (48, 160)):
        for mode in ("chat", "story"):
            with tempfile.TemporaryDirectory() as directory:
                print(
                    f"{columns}x{rows} {mode:<6}", *measured(Path(directory), rows, columns, mode, options), flush=True
                )


def measured(directory: Path, rows: int, columns: int, mode: str, options: argparse.Namespace) -> tuple[str, ...]:
    for name in ("DATA", "CONFIG", "STATE"):
        os.environ[f"XDG_{name}_HOME"] = str(directory / name)
    cache = os.environ.setdefault("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    os.environ.setdefault("NUMBA_CACHE_DIR", f"{cache}/llm-tui/kernels-tests")
    model = make_counting_model(directory / "quick", max_position_embeddings=131072)
    config = directory / "CONFIG" / "llm-tui" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("max_tokens = 120000\n")
    with ssh_server(directory) as port:
        link = SlowLink(port, options.rate, options.delay / 2)
        command = [*login_command(link.port, directory), remotely(f"{PROGRAM} --model {model}")]
        with Terminal(command, rows, columns, answers=True) as terminal:
            terminal.until("float32", 120)
            if mode == "story":
                terminal.press("ctrl+t")
                terminal.until("Start your story")
            begin(terminal, mode)
            carried, since = link.carried, time.perf_counter()
            delays = key_delays(terminal, mode, options.keys)
            carried = int((link.carried - carried) / (time.perf_counter() - since))
            stops = [stop_delay(terminal)]
            for _ in range(4):
                begin(terminal, mode)
                stops.append(stop_delay(terminal))
            begin(terminal, mode)
            link.freeze()
            time.sleep(options.frozen)
            link.thaw()
            after = stop_delay(terminal)
            terminal.press("ctrl+q")
            terminal.wait(30)
        link.close()
    percent = statistics.quantiles(delays, n=100)
    return (
        f"key to screen p50 {percent[49] * 1000:5.0f} ms, p95 {percent[94] * 1000:5.0f} ms, "
        f"max {max(delays) * 1000:5.0f} ms;",
        f"Esc to stopped max {max(stops) * 1000:5.0f} ms, after {options.frozen:.0f} s frozen {after * 1000:5.0f} ms;",
        f"{carried / 1000:.0f} kB/s on the way",
    )


if __name__ == "__main__":
    main()
