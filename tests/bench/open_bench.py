"""How long the program takes until its list of sessions is painted, with few sessions and with many; and searching.

python -m tests.bench.open_bench [--sessions 10000] [--messages 200000] [--starts 9]
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.store_bench import FEW, fill, milliseconds, queries
from tests.e2e.talking import PROGRAM
from tests.e2e.terminal import Terminal
from tui.storage.store import Store

RATIO, SEARCH_MS = 1.3, 100
LIST_WIDTH = 32  # the columns at the left of a screen of 120 that only the list writes to


def opening(file: Path, title: str) -> float:
    """Seconds from starting the program until its list shows the session of this title."""
    begin = time.perf_counter()
    with Terminal([PROGRAM, "--db", str(file)], 30, 120) as terminal:
        while not any(title in line[:LIST_WIDTH] for line in terminal.screen.display):
            terminal.pump()
        return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--starts", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        for kind in ("DATA", "CONFIG", "CACHE"):
            os.environ[f"XDG_{kind}_HOME"] = str(directory / kind.lower())
        few, many = directory / "few.db", directory / "many.db"
        fill(few, FEW, FEW * options.messages // options.sessions)
        fill(many, options.sessions, options.messages)
        times: dict[Path, list[float]] = {few: [], many: []}
        # In turn, so that both meet the same neighbours; the first start copies the database, and does not count.
        for _ in range(options.starts + 1):
            for file, taken in times.items():
                store = Store(file)
                title = store.sessions(1)[0].shown_title[:12]
                store.close()
                taken.append(opening(file, title))
        with_few, with_many = (1000 * statistics.median(taken[1:]) for taken in times.values())
        print(f"start to list: {with_few:.0f} ms with {FEW} sessions, {with_many:.0f} ms with {options.sessions}")
        print(f"ratio {with_many / with_few:.2f}; the goal is below {RATIO}")
        store = Store(many)
        slowest, query = max((milliseconds(lambda query=query: store.search(query)), query) for query in queries())
        store.close()
        print(f"slowest search of {options.messages} messages: {slowest:.0f} ms, {query!r}; goal below {SEARCH_MS}")
    sys.exit(with_many / with_few >= RATIO or slowest >= SEARCH_MS)


if __name__ == "__main__":
    main()
