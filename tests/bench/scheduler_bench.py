"""What sessions cost each other: time between tokens beside a long prompt, many replies at once, and cancelling.

python -m tests.bench.scheduler_bench [--model DIR] [--shape 1.1b] [--precision int8] [--prompt 1500] [--times 3]
"""

import argparse
import random
import statistics
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from inference import Engine, Finished, Generation, Model, SamplingParams, Token
from inference.bench.shapes import SHAPES, random_checkpoint
from inference.runtime import scheduler

TOKENS = 120
SESSIONS = 8
# At most twice the time between tokens, at least so many times one session's rate, at most so many seconds.
GAP, TOGETHER, CANCELLED = 2.0, 4.0, 0.15


def prompt_of(length: int, model: Model, seed: int) -> list[int]:
    return np.random.default_rng(seed).integers(model.config.vocab_size, size=length).tolist()


def times_of(reply: Generation, ended: threading.Event | None = None) -> list[float]:
    """When each token came; ends the reply when ``ended`` is set."""
    times = list[float]()
    for event in reply:
        if isinstance(event, Token):
            times.append(time.perf_counter())
        if ended is not None and ended.is_set():
            reply.cancel()
    return times


def p95(times: list[float]) -> float:
    """Of the time between tokens, in seconds."""
    return statistics.quantiles([after - before for before, after in pairwise(times)], n=20)[-1]


def read(engine: Engine, model: Model, length: int, seed: int) -> float:
    """Seconds until a new prompt is read."""
    began = time.perf_counter()
    for _ in engine.new_session().complete([prompt_of(length, model, seed)], SamplingParams(max_tokens=1)):
        pass
    return time.perf_counter() - began


def beside_a_prompt(engine: Engine, model: Model, length: int, seed: int) -> tuple[float, float, float, float]:
    """p95 between tokens alone and beside a prompt, and seconds to read the prompt alone and beside a reply."""
    prompt, params = prompt_of(64, model, seed), SamplingParams(temperature=0, max_tokens=TOKENS)
    alone = times_of(engine.new_session().complete([prompt], params))
    read_alone = read(engine, model, length, seed + 1)
    reply, ended = engine.new_session().complete([prompt], replace(params, max_tokens=2000)), threading.Event()
    with ThreadPoolExecutor() as pool:
        watched = pool.submit(times_of, reply, ended)
        while reply.stats.generated_tokens < 20:
            time.sleep(0.001)
        began = time.perf_counter()
        read_beside = read(engine, model, length, seed + 2)
        ended.set()
    beside = [at for at in watched.result() if began <= at <= began + read_beside]
    return p95(alone), p95(beside), read_alone, read_beside


def rate(engine: Engine, model: Model, sessions: int) -> float:
    """Tokens a second of so many replies, while all of them stream."""
    params = SamplingParams(temperature=0, max_tokens=TOKENS)
    replies = [engine.new_session().complete([prompt_of(64, model, 100 + n)], params) for n in range(sessions)]
    with ThreadPoolExecutor(sessions) as pool:
        times = list(pool.map(times_of, replies))
    began, ended = max(each[0] for each in times), min(each[-1] for each in times)
    return sum(began < at <= ended for each in times for at in each) / (ended - began)


def cancelled(engine: Engine, model: Model, chance: random.Random) -> float:
    """Seconds from cancelling a reply, somewhere in its prompt or after it, to its end."""
    prompt = prompt_of(chance.choice([20, 400]), model, chance.randrange(10**6))
    reply = engine.new_session().complete([prompt], SamplingParams(temperature=0))
    time.sleep(chance.uniform(0.02, 0.6))
    began = time.perf_counter()
    reply.cancel()
    *_, last = reply
    assert isinstance(last, Finished) and last.reason == "cancelled"
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="a model (default: random weights of --shape)")
    parser.add_argument("--shape", choices=SHAPES, default="1.1b")
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--prompt", type=int, default=1500, help="tokens of the long prompt")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--cancels", type=int, default=100)
    options = parser.parse_args()
    scheduler.DRAFTS = 0  # random weights repeat themselves
    with tempfile.TemporaryDirectory() as name:
        model = Model.load(options.model or random_checkpoint(options.shape, Path(name)), options.precision)
        with Engine(model) as engine:
            read(engine, model, 64, 9)
            for number in range(options.times):
                alone, beside, read_alone, read_beside = beside_a_prompt(engine, model, options.prompt, 10 * number)
                print(
                    f"p95 between tokens {1e3 * alone:.1f} ms, beside a prompt of {options.prompt} "
                    f"{1e3 * beside:.1f} ms: {beside / alone:.2f} times (at most {GAP}); "
                    f"the prompt {read_beside:.1f} s, alone {read_alone:.1f} s",
                    flush=True,
                )
            one, many = (max(rate(engine, model, n) for _ in range(options.times)) for n in (1, SESSIONS))
            print(
                f"{SESSIONS} replies {many:.1f} tok/s, one {one:.1f}: {many / one:.2f} times (at least {TOGETHER})",
                flush=True,
            )
            chance = random.Random(1)
            ends = [cancelled(engine, model, chance) for _ in range(options.cancels)]
            print(
                f"cancelled {len(ends)} times: median {1e3 * statistics.median(ends):.0f} ms, "
                f"p99 {1e3 * statistics.quantiles(ends, n=100)[-1]:.0f} ms (at most {1e3 * CANCELLED:.0f})"
            )


if __name__ == "__main__":
    main()
