"""Half an hour of everything on a pseudo-terminal: whether memory, descriptors and threads stay as they are, and how
long the program ever made one wait for a sign of life: in all, and without the time in which it was ready to run and
other programs (or its own engine) had the processors.

python -m tests.bench.soak [--minutes 30] [--model DIR] [--seed N]
"""

import argparse
import fcntl
import os
import random
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import KERNELS
from tests.e2e.anything import NEVER, SUSPEND, anything, everything
from tests.e2e.talking import PROGRAM
from tests.e2e.terminal import Terminal
from tests.stubs.conversations import answered
from tui.conversation.conversation import Conversation
from tui.storage.store import Store

SAMPLE_SECONDS = 15.0
WARM_UP = 1 / 6  # of the time: what is loaded, compiled and kept once
FLAT = 0.05
LONGEST = 0.25  # seconds without a sign of life
SIZES = [(30, 100), (24, 80), (48, 160), (12, 40)]
# A key that changes nothing on the screen gives no sign but this: the program has read it, and waits for the next one
# at so many looks in a row. To have the screen painted would cost more than what is measured.
NO_SIGN, LOOK, RESTING = 0.02, 0.005, 3
# What grows until it is full is full within the warm-up: the KV caches of idle sessions have a budget, that of the open
# one ends with its context, and the list has pages of so many sessions.
SETTINGS = "cache_budget_mb = 16\ncontext = 512\n"
# Among the keys are those that download a model: a larger one would take memory of its own.
NO_NETWORK = {"HF_ENDPOINT": "http://127.0.0.1:9", "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0"}
# As many sessions are deleted as are begun: the list has a line for each that there is.
SESSIONS = 200
DELETE = ["\x0f", "d", "\x1b"]


@dataclass
class Sample:
    minute: float
    megabytes: float
    descriptors: int
    threads: int
    actions: int


@dataclass(order=True)
class Wait:
    """``seconds`` until a sign of life, for ``ready`` of which the interface's thread had no processor."""

    seconds: float
    ready: float
    keys: str

    @property
    def own(self) -> float:
        return max(0.0, self.seconds - self.ready)


def sample(terminal: Terminal, minute: float, actions: int) -> Sample:
    process = Path(f"/proc/{terminal.pid}")
    fields = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    return Sample(
        minute,
        int(fields["VmRSS"].split()[0]) / 1024,
        len(list((process / "fd").iterdir())),
        terminal.threads,
        actions,
    )


def ready_so_far(terminal: Terminal) -> float:
    """Seconds that the interface's thread was ready to run and did not."""
    fields = Path(f"/proc/{terminal.pid}/task/{terminal.pid}/schedstat").read_text().split()
    return int(fields[1]) / 1e9


def rests(terminal: Terminal) -> bool:
    """Tell whether the program has read all that was sent, and its interface waits for something to do."""
    slave = os.open(f"/proc/{terminal.pid}/fd/0", os.O_RDWR | os.O_NOCTTY)
    try:
        (unread,) = struct.unpack("i", fcntl.ioctl(slave, termios.FIONREAD, bytes(4)))
    finally:
        os.close(slave)
    return not unread and "poll" in Path(f"/proc/{terminal.pid}/task/{terminal.pid}/wchan").read_text()


def act(terminal: Terminal, keys: str) -> Wait:
    """Send this, and wait until the program gave a sign of life: output, or rest where there is nothing to show."""
    while terminal.pump(0):
        pass
    ready, sent, rested = ready_so_far(terminal), time.monotonic(), 0
    terminal.send(keys)
    while not terminal.pump(LOOK):
        waited = time.monotonic() - sent
        rested = rested + 1 if waited > NO_SIGN and rests(terminal) else 0
        if rested == RESTING or waited > 60:
            break
    return Wait(time.monotonic() - sent, ready_so_far(terminal) - ready, keys)


def soak(terminal: Terminal, minutes: float, chance: random.Random) -> tuple[list[Sample], list[Wait]]:
    """What was measured every few seconds, and all waits, with what was pressed."""
    for keys in ("a question ", "\r", *everything()):  # what is loaded at its first use is loaded now
        act(terminal, keys)
    began = time.monotonic()
    samples, waits = list[Sample](), list[Wait]()
    while (passed := time.monotonic() - began) < minutes * 60:
        if not terminal.alive:
            sys.exit(f"the program ended after {len(waits)} actions:\n{terminal.text}")
        if chance.random() < 0.1:
            terminal.resize(*chance.choice(SIZES))
        if chance.random() < 0.5:
            waits += [act(terminal, key) for key in [*DELETE, "\x0e", "a question ", "\r"]]
        for keys in anything(chance):
            if keys and keys != SUSPEND:
                waits.append(act(terminal, keys))
                terminal.pump(chance.uniform(0, 0.2))
        if passed >= len(samples) * SAMPLE_SECONDS:
            samples.append(sample(terminal, passed / 60, len(waits)))
    return samples, waits


def report(samples: list[Sample], waits: list[Wait]) -> bool:
    """Print it all; tells whether nothing grew and nobody waited."""
    print("minute  actions     MB  descriptors  threads")
    for each in samples[:: max(1, len(samples) // 30)]:
        print(
            f"{each.minute:6.1f} {each.actions:8} {each.megabytes:6.1f} {each.descriptors:12} {each.threads:8}",
            flush=True,
        )
    warm = samples[int(len(samples) * WARM_UP) :]
    quarter = max(1, len(warm) // 4)
    fine = True
    for name in ("megabytes", "descriptors", "threads"):
        # Of what is counted, the least at the end and the most at the beginning: workers come when several are needed
        # at once, and stay.
        most, least = (statistics.mean, statistics.mean) if name == "megabytes" else (max, min)
        first = most(getattr(each, name) for each in warm[:quarter])
        last = least(getattr(each, name) for each in warm[-quarter:])
        flat = last <= first * (1 + FLAT)
        fine &= flat
        print(f"{name}: {first:.1f} after the warm-up, {last:.1f} at the end: {'flat' if flat else 'GROWS'}")
    late = 0
    for name, seconds in (("in all", [w.seconds for w in waits]), ("with a processor", [w.own for w in waits])):
        p50, p99 = (statistics.quantiles(seconds, n=100)[percent - 1] for percent in (50, 99))
        late = sum(each > LONGEST for each in seconds)
        print(
            f"{len(waits)} actions, to a sign of life {name}: p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, "
            f"{late} above {LONGEST * 1000:.0f} ms"
        )
    for name, longest in (
        ("in all", sorted(waits, reverse=True)[:5]),
        ("with a processor", sorted(waits, key=lambda wait: -wait.own)[:5]),
    ):
        told = (f"{w.seconds * 1000:.0f} ms ({w.own * 1000:.0f}) after {w.keys[:12]!r}" for w in longest)
        print(f"longest {name}: " + ", ".join(told))
    return fine and not late


def fill(database: Path) -> None:
    """Write the sessions of a first page."""
    store = Store(database)
    for number in range(SESSIONS):
        conversation = Conversation(title=f"Session {number}", updated=number)
        answered(conversation, "a question", "An answer.")
        store.save(conversation)
    store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=f"All keys but {', '.join(NEVER)}; see the module.")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--model", default="guide")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        homes = {f"XDG_{name}_HOME": f"{directory}/{name.lower()}" for name in ("DATA", "CONFIG", "CACHE")}
        homes |= {"NUMBA_CACHE_DIR": str(KERNELS), **NO_NETWORK}
        config = Path(homes["XDG_CONFIG_HOME"], "llm-tui", "config.toml")
        config.parent.mkdir(parents=True)
        config.write_text(SETTINGS)
        compiled = [PROGRAM, "--model", options.model, "chat", "hello", "--max-tokens", "1"]
        subprocess.run(compiled, env={**os.environ, **homes}, check=True, stdout=subprocess.DEVNULL)
        command = ["env", "-C", directory, PROGRAM, "--model", options.model]
        fill(Path(homes["XDG_DATA_HOME"], "llm-tui", "sessions.db"))
        with Terminal(command, *SIZES[0], env={**homes, "EDITOR": "true"}, answers=True) as terminal:
            terminal.until("float|int", 600)
            samples, waits = soak(terminal, options.minutes, random.Random(options.seed))
    sys.exit(0 if report(samples, waits) else 1)


if __name__ == "__main__":
    main()
