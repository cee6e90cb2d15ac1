"""A session opened again: its first new token from the snapshot on disk, beside reading its past anew.

python -m tests.bench.reopen_bench [--shape 135m] [--precision auto] [--tokens 1500] [--times 3]
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from inference import Engine, Finished, KVCache, Model, SamplingParams
from inference.bench.shapes import SHAPES, random_checkpoint
from inference.bench.workload import random_ids

GOAL = 20
ONE_TOKEN = SamplingParams(temperature=0, max_tokens=1)


def first_token(engine: Engine, model: Model, ids: list[int], snapshot: Path | None, keep: Path) -> tuple[float, int]:
    """Seconds until the session of these tokens has another one, the snapshot's loading included, and that token.

    The session's snapshot is written to ``keep`` afterwards.
    """
    begin = time.perf_counter()
    cache, known = KVCache.load(snapshot, model) if snapshot else (None, [])
    session = engine.new_session(model, cache, known)
    finished = list(session.complete([ids], ONE_TOKEN))[-1]
    taken = time.perf_counter() - begin
    if not isinstance(finished, Finished):
        sys.exit(str(finished))
    token = session.token_ids[len(ids)]
    session.save(keep)
    session.close()
    return taken, token


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=SHAPES, default="135m", help="random weights of this shape")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--tokens", type=int, default=1500)
    parser.add_argument("--times", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, Engine() as engine:
        directory = Path(name)
        model = Model.load(random_checkpoint(options.shape, directory), options.precision)
        ids = random_ids(options.tokens, model.config.vocab_size)
        file, other = directory / "session.safetensors", directory / "other.safetensors"
        first_token(engine, model, ids[:64], None, other)  # whatever is done once only is done
        cold = [first_token(engine, model, ids, None, file) for _ in range(options.times)]
        warm = [first_token(engine, model, ids, file, other) for _ in range(options.times)]
        if {token for _, token in cold + warm} != {cold[0][1]}:
            sys.exit("the snapshot led to another token")
        anew, back = (statistics.median(seconds for seconds, _ in runs) for runs in (cold, warm))
        print(
            f"{options.shape} {model.precision}, {options.tokens} tokens, snapshot {file.stat().st_size / 2**20:.0f} MB"
        )
    print(f"first new token, past read anew:       {1000 * anew:8.1f} ms")
    print(f"first new token, past from a snapshot: {1000 * back:8.1f} ms")
    print(f"{anew / back:.0f} times sooner; the goal is {GOAL}")
    sys.exit(anew / back < GOAL)


if __name__ == "__main__":
    main()
