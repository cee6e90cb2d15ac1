"""What several replies from one prefix cost, decoded in one batch on forks of its cache, beside one of them alone.

python -m tests.bench.alternatives_bench [--model DIR] [--shape 1.1b] [--precision int8] [--count 4] [--prefix 600]

The prefix must not be computed again, and each reply must be, token for token, what it is alone.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from inference import Engine, Model, SamplingParams
from inference.bench.shapes import SHAPES, random_checkpoint
from inference.bench.workload import random_ids
from inference.runtime import scheduler
from tests.bench.compare_bench import replies

GOAL = 1.6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="a model (default: random weights of --shape)")
    parser.add_argument("--shape", choices=SHAPES, default="1.1b")
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--count", type=int, default=4)
    parser.add_argument("--prefix", type=int, default=600, help="tokens of the conversation so far")
    parser.add_argument("--tokens", type=int, default=64, help="tokens of each reply")
    parser.add_argument("--times", type=int, default=3)
    options = parser.parse_args()
    params = SamplingParams(temperature=0, max_tokens=options.tokens)
    scheduler.DRAFTS = 0  # random weights repeat themselves, and one reply alone would be the faster for it
    with tempfile.TemporaryDirectory() as name, Engine() as engine:
        model = Model.load(options.model or random_checkpoint(options.shape, Path(name)), options.precision)
        prefix = random_ids(options.prefix, model.config.vocab_size)
        base = engine.new_session(model)
        for _ in base.complete([prefix], SamplingParams(temperature=0, max_tokens=1)):
            pass
        one, several, exact = float("inf"), float("inf"), True
        for _ in range(options.times):
            seconds, alone, _ = replies(engine, base, [prefix], params)
            one = min(one, seconds)
            seconds, together, rows = replies(engine, base, [prefix] * options.count, params)
            several = min(several, seconds)
            exact &= together == alone * options.count
            exact &= rows == sum(len(ids) for ids in together)  # of the prefix, the last token for each
    same = "the same tokens, and the prefix computed once"
    print(
        f"{model.precision}, {options.count} replies of {options.tokens} tokens after {options.prefix}: "
        f"{several:.2f} s, one alone {one:.2f} s: {several / one:.2f} times (at most {GOAL}); "
        f"{same if exact else 'DIFFERENT tokens, or the prefix computed again'}"
    )
    sys.exit(0 if exact else 1)


if __name__ == "__main__":
    main()
