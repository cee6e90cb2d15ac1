"""Decoding beside programs that keep cores busy: this engine and llama.cpp in turn, tokens per second.

    python -m tests.bench.neighbour_bench DIRECTORY [--precision int8] [--busy 0 1 2] [--rounds 5] [--threads N]

DIRECTORY: a model with Hugging Face files, such as `llm-tui bench --shape 1.1b` leaves in its cache. llama.cpp (the
extra ``bench``) reads the same weights, and is left out where it is not installed. The medians of all rounds are
compared: what others leave to one of them changes by the second.
"""

import argparse
import contextlib
import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from inference.bench.comparison import PEERS, SETTLE_SECONDS
from inference.bench.engine_process import Contestant, ContestantProcess
from inference.bench.llm_tui_engine import OwnEngine
from inference.bench.workload import random_ids
from inference.system.cores import usable_cores

TOKENS = 32
BUSY = "while True: pass"


@contextlib.contextmanager
def busy(threads: int) -> Iterator[None]:
    """So many processes that always want a core, as important as the engines."""
    others = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(threads)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def llama_cpp(directory: Path, kind: str, files: Path, threads: int, vocabulary: int) -> Contestant:
    """In its own process, and nothing of it in this one."""
    from inference.bench.gguf_file import gguf_file, tensor_bytes
    from inference.bench.llama_cpp_engine import LlamaCpp

    file = gguf_file(directory, kind, files, lambda what: None)
    return LlamaCpp(file, kind, tensor_bytes(file), threads, vocabulary, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=usable_cores())
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        files = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        own = ContestantProcess("llm-tui", OwnEngine, options.directory, options.precision, options.threads)
        entrants = [stack.enter_context(contextlib.closing(own))]
        if importlib.util.find_spec("llama_cpp"):
            kind = PEERS[options.precision][0]
            given = (options.directory, kind, files, options.threads, own.loaded.vocabulary)
            peer = ContestantProcess(f"llama.cpp {kind}", llama_cpp, *given)
            entrants.append(stack.enter_context(contextlib.closing(peer)))
        ids = random_ids(TOKENS, own.loaded.vocabulary)
        for entrant in entrants:
            entrant.ask("prepare", [], 1, TOKENS)
            entrant.ask("decode", ids)
        print(f"{options.threads} threads, {options.precision}, medians of {options.rounds} rounds, tokens per second")
        for threads in options.busy:
            rates: dict[str, list[float]] = {entrant.name: [] for entrant in entrants}
            with busy(threads):
                for _ in range(options.rounds):
                    for entrant in entrants:
                        time.sleep(SETTLE_SECONDS)
                        rates[entrant.name].append(TOKENS / entrant.ask("decode", ids))
            told = [f"{name} {statistics.median(found):5.1f}" for name, found in rates.items()]
            medians = [statistics.median(found) for found in rates.values()]
            ratio = f" · {medians[0] / medians[1]:.1f} times" if len(medians) > 1 else ""
            print(f"beside {threads} busy: {' · '.join(told)}{ratio}", flush=True)


if __name__ == "__main__":
    main()
