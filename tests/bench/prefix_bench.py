"""How soon a new session goes on from a beginning that is known: to another session, or from a snapshot on a disk.

python -m tests.bench.prefix_bench [--model DIR] [--shape 1.1b] [--precision int8] [--prefix 3000] [--times 5]

The prompt is the known tokens and a single new one. What it takes beside one token of a reply that runs already is what
finding and taking the prefix costs.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from inference import Engine, Finished, Model, SamplingParams
from inference.bench.shapes import SHAPES, random_checkpoint
from inference.bench.workload import random_ids

GOAL = 0.030  # seconds
REPLY = 8  # tokens


def went_on(engine: Engine, model: Model, prompt: list[int]) -> tuple[float, int]:
    """Seconds to the first token of a new session less those of a usual token, and how many tokens were reused."""
    *_, last = engine.new_session(model).complete([prompt], SamplingParams(temperature=0, max_tokens=REPLY))
    assert isinstance(last, Finished) and last.stats.first_token_seconds and last.stats.tokens_per_second
    return last.stats.first_token_seconds - 1 / last.stats.tokens_per_second, last.stats.reused_tokens


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="a model (default: random weights of --shape)")
    parser.add_argument("--shape", choices=SHAPES, default="1.1b")
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--prefix", type=int, default=3000, help="tokens that are known")
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as name:
        snapshots = Path(name) / "snapshots"
        snapshots.mkdir()
        model = Model.load(options.model or random_checkpoint(options.shape, Path(name)), options.precision)
        known = random_ids(options.prefix, model.config.vocab_size)
        prompts = [[*known, token] for token in range(100, 100 + options.times)]
        with Engine(snapshot_dir=snapshots) as engine:
            session = engine.new_session(model)
            for _ in session.complete([[*known, 1]], SamplingParams(temperature=0, max_tokens=1)):
                pass
            print(f"{options.prefix} tokens take {session.cache.nbytes / 1e6:.0f} MB", flush=True)
            failed |= report("known to another session", engine, model, prompts)
            session.save(snapshots / "known.safetensors")
        with Engine(snapshot_dir=snapshots) as engine:
            failed |= report("in a snapshot on the disk", engine, model, prompts[:1])
    sys.exit(failed)


def report(kind: str, engine: Engine, model: Model, prompts: list[list[int]]) -> bool:
    """Print the best and the slowest; True if the best is slower than asked for, or more than a block was computed."""
    taken = [went_on(engine, model, prompt) for prompt in prompts]
    seconds, reused = [each[0] for each in taken], min(each[1] for each in taken)
    print(f"{kind:28} ready in {min(seconds) * 1000:.1f} ms, at most {max(seconds) * 1000:.1f}; {reused} tokens reused")
    return min(seconds) > GOAL or reused < len(prompts[0]) - 64


if __name__ == "__main__":
    main()
