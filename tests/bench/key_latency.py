"""From a key press to its paint, on a real pseudo-terminal: idle, while a reply streams, and while two sessions do of
which one has 10 000 lines above its reply.

python -m tests.bench.key_latency [--model DIR] [--keys N]
"""

import argparse
import json
import random
import statistics
import string
import sys
import tempfile
import time
from pathlib import Path

from tests.e2e.terminal import Terminal
from tests.tiny_model import make_tiny_model
from tui.conversation.conversation import Conversation
from tui.storage.store import Store

PROGRAM = str(Path(sys.executable).with_name("llm-tui"))
# Big enough that a token takes real work, with room for a reply that outlasts the measurement.
SHAPE = {
    "hidden_size": 256,
    "intermediate_size": 704,
    "num_hidden_layers": 6,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "max_position_embeddings": 131072,
}
LINES = 10_000
WRITING = r"[◐◓◑◒] generating [0-9.]+ tok/s"


def make_model(directory: Path) -> Path:
    """5 million random weights that go round in circles until stopped."""
    model = make_tiny_model(directory, **SHAPE)
    (model / "generation_config.json").write_text(json.dumps({"do_sample": False}))
    return model


def long_session(file: Path, model: Path) -> None:
    """A session whose transcript has so many lines."""
    conversation = Conversation(model=str(model), title="long")
    tree = conversation.tree
    tree.add("user", "\n".join("x" * LINES))
    node = tree.begin("assistant")
    tree.grow(node.id, "I see.")
    tree.settle(node.id, (), None)
    store = Store(file)
    store.save(conversation)
    store.close()


def composer_row(terminal: Terminal) -> str:
    """The line where one types: above its frame's, the status and the keys."""
    return str(terminal.screen.display[terminal.screen.lines - 4])


def clear(terminal: Terminal) -> None:
    for _ in range(50):
        terminal.press("\x7f")


def measure(terminal: Terminal, keys: int) -> list[float]:
    """Seconds from each key press until the composer shows it; the reply streams all the time."""
    delays = []
    random.seed(0)
    typed = ""
    for _ in range(keys):
        key = random.choice(string.ascii_lowercase)
        if len(typed) == 40:
            for _ in typed:
                terminal.press("\x7f")
            while "Ask anything" not in composer_row(terminal):
                terminal.pump()
            typed = ""
        typed += key
        began = time.perf_counter()
        terminal.send(key)
        while typed not in composer_row(terminal):
            terminal.pump(0.2)
        delays.append(time.perf_counter() - began)
        pause = time.perf_counter() + random.uniform(0.02, 0.12)
        while (left := pause - time.perf_counter()) > 0:
            terminal.pump(left)
    return delays


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="a chat model; random weights if not given")
    parser.add_argument("--keys", type=int, default=300)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        model = options.model or make_model(Path(directory) / "random-5M")
        file = Path(directory) / "sessions.db"
        long_session(file, model.resolve())
        with Terminal([PROGRAM, "--model", str(model), "--db", str(file)]) as terminal:
            terminal.until("float|int")
            idle = measure(terminal, options.keys // 3)
            clear(terminal)
            terminal.press("go", "enter")
            terminal.until(WRITING)
            streaming = measure(terminal, options.keys)
            clear(terminal)
            terminal.press("ctrl+o", "\x1b[B", "enter")
            terminal.until("I see")
            terminal.press("go", "enter")
            terminal.until(WRITING, 300)
            two = measure(terminal, options.keys)
            if not (rate := terminal.until(r"(.) generating ([0-9.]+) tok/s")) or rate[1] not in "◐◓◑◒":
                sys.exit("the reply ended before the measurement; take fewer keys or a longer context")
            print(f"model {model.name}, 80x24, {rate[2]} tok/s in each of two sessions while measuring")
    for name, delays in (("idle", idle), ("streaming", streaming), (f"two, {LINES} lines", two)):
        percent = statistics.quantiles(delays, n=100)
        print(
            f"key press to paint, {name:<16} {len(delays):4} keys: p50 {percent[49] * 1000:5.1f} ms, "
            f"p99 {percent[98] * 1000:5.1f} ms, max {max(delays) * 1000:5.1f} ms"
        )


if __name__ == "__main__":
    main()
