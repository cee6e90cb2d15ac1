"""What a comparison costs: two replies on forks of one cache, together, beside each of them alone.

python -m tests.bench.compare_bench [--shape 135m] [--precision auto] [--prefix 600] [--passages 400] [--tokens 96]

Both replies must be, token for token, what they are alone, and the prefix must not be computed again.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from inference import Engine, Model, SamplingParams
from inference.bench.shapes import SHAPES, random_checkpoint
from inference.bench.workload import random_ids
from inference.runtime import scheduler
from inference.runtime.session import Session

GOAL = 1.3
QUESTION = 24  # tokens


def replies(
    engine: Engine, base: Session, prompts: Sequence[list[int]], params: SamplingParams
) -> tuple[float, list[list[int]], int]:
    """Seconds for these replies together, on forks of ``base``; their token ids; and the rows that were computed."""
    model, rows = base.model, base.model.counters.rows
    begin = time.perf_counter()
    forks = [engine.new_session(model, base.load_cache().fork(), base.token_ids) for _ in prompts]
    generations = [fork.complete([prompt], params) for fork, prompt in zip(forks, prompts, strict=True)]
    for generation in generations:
        for _ in generation:
            pass
    taken = time.perf_counter() - begin
    written = [fork.token_ids[len(prompt) :] for fork, prompt in zip(forks, prompts, strict=True)]
    for fork in forks:
        fork.close()
    return taken, written, model.counters.rows - rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="a model (default: random weights of --shape)")
    parser.add_argument("--shape", choices=SHAPES, default="135m")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--prefix", type=int, default=600, help="tokens of the conversation so far")
    parser.add_argument("--passages", type=int, default=400, help="tokens of the passages of one side")
    parser.add_argument("--tokens", type=int, default=96, help="tokens of each reply")
    parser.add_argument("--times", type=int, default=3)
    options = parser.parse_args()
    params = SamplingParams(temperature=0, max_tokens=options.tokens)
    scheduler.DRAFTS = 0  # random weights repeat themselves, and one reply alone would be the faster for it
    with tempfile.TemporaryDirectory() as name, Engine() as engine:
        model = Model.load(options.model or random_checkpoint(options.shape, Path(name)), options.precision)
        ids = random_ids(options.prefix + options.passages + QUESTION, model.config.vocab_size)
        prefix, passages, question = ids[: options.prefix], ids[options.prefix : -QUESTION], ids[-QUESTION:]
        base = engine.new_session(model)
        for _ in base.complete([prefix], SamplingParams(temperature=0, max_tokens=1)):
            pass
        prompts = [prefix + question, prefix + passages + question]
        replies(engine, base, prompts, params)  # whatever is done once only is done
        times: dict[str, list[float]] = {"without": [], "with": [], "both": []}
        asked = {"without": prompts[:1], "with": prompts[1:], "both": prompts}
        found: dict[str, list[list[int]]] = {}
        rows: dict[str, int] = {}
        for _ in range(options.times):
            for kind, chosen in asked.items():
                taken, found[kind], rows[kind] = replies(engine, base, chosen, params)
                times[kind].append(taken)
    seconds = {kind: min(taken) for kind, taken in times.items()}
    ratio = seconds["both"] / max(seconds["without"], seconds["with"])
    for kind, taken in seconds.items():
        print(f"{kind:8} {taken:6.2f} s, {rows[kind]} rows computed")
    print(f"both: {ratio:.2f} times the slower half; the goal is {GOAL}")
    if found["both"] != found["without"] + found["with"]:
        sys.exit("a reply differs from what it is alone")
    if rows["both"] != rows["without"] + rows["with"] or rows["without"] > QUESTION + options.tokens:
        sys.exit("something of the prefix was computed again")
    sys.exit(ratio > GOAL)


if __name__ == "__main__":
    main()
