"""How long opening and searching take with many sessions, beside few.

python -m tests.bench.store_bench [SESSIONS] [MESSAGES]
"""

import itertools
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tui.conversation.conversation import Conversation
from tui.conversation.tree import Outcome, Tree
from tui.storage.store import Store

FEW = 10
LISTED = 100  # a screenful of sessions, and more
DONE = Outcome("stop", 40, 30, 60, 0.05, 1.5, 7, {"temperature": 0.8, "stop": ()})
VOCABULARY = 20_000
SYLLABLES = [c + v + e for c in "bdfgklmnprstvw" for v in "aeiou" for e in ("", "n", "r", "st")]


def vocabulary() -> list[str]:
    """Made of syllables; the n-th one will be n times as rare as the first, as in a language."""
    chance = random.Random(1)
    words: dict[str, None] = {}
    while len(words) < VOCABULARY:
        words["".join(chance.choices(SYLLABLES, k=chance.randint(1, 4)))] = None
    return list(words)


def queries() -> list[str]:
    """Frequent and rare words, alone, together, unfinished, in order; then what only reading everything can find."""
    words = vocabulary()
    common, second, rare = words[0], words[1], words[-1]
    together = f"{common} {second}"
    return ["b", "ba", "bas", common, rare, together, f"{common} {rare}", f'"{together}"', "quagga", "東京", "->"]


def fill(file: Path, sessions: int, messages: int) -> None:
    words, chance = vocabulary(), random.Random(2)
    shares = list(itertools.accumulate(1 / n for n in range(1, VOCABULARY + 1)))
    store = Store(file)
    for number in range(sessions):
        tree = Tree()
        for turn in range(messages // sessions):
            text = " ".join(chance.choices(words, cum_weights=shares, k=40))
            if turn % 2 == 0:
                tree.add("user", text)
            else:
                node = tree.begin("assistant")
                tree.grow(node.id, text)
                tree.settle(node.id, tuple(range(60)), DONE)
        conversation = Conversation(tree=tree, title=f"Title {number}" if number % 3 == 0 else "")
        store.save(conversation)
        store.release(conversation.id)
    store.close()
    if store.trouble:
        sys.exit(store.trouble)


def milliseconds(work: Callable[[], object], times: int = 15) -> float:
    """The median."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return 1000 * statistics.median(taken)


def opening(file: Path) -> None:
    """What the app does when it starts: the list, and the session that was used last."""
    store = Store(file)
    store.open(store.sessions(LISTED)[0].id)
    store.close()


def main() -> None:
    sessions, messages = (int(text) for text in (*sys.argv[1:], "10000", "200000")[:2])
    with tempfile.TemporaryDirectory() as directory:
        few, many = Path(directory) / "few.db", Path(directory) / "many.db"
        fill(few, FEW, FEW * messages // sessions)
        start = time.perf_counter()
        fill(many, sessions, messages)
        spent = time.perf_counter() - start
        print(
            f"{sessions} sessions, {messages} messages: {many.stat().st_size / 2**20:.0f} MB, filled in {spent:.0f} s"
        )
        with_few, with_many = milliseconds(lambda: opening(few)), milliseconds(lambda: opening(many))
        print(f"opening: {with_few:.1f} ms with {FEW} sessions, {with_many:.1f} ms with {sessions}")
        store = Store(many)
        for query in queries():
            found = len(store.search(query))
            print(f"search {query!r}: {milliseconds(lambda query=query: store.search(query)):.1f} ms, {found} found")
        page = milliseconds(lambda: store.sessions(LISTED, sessions - LISTED))
        print(f"the last {LISTED} of the list: {page:.1f} ms; changed(): {milliseconds(store.changed):.3f} ms")
        store.close()


if __name__ == "__main__":
    main()
