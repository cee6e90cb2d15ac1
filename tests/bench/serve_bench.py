"""Many clients of `llm-tui serve` at once, some of whom leave in the middle, beside one alone.

python -m tests.bench.serve_bench [--model DIR] [--shape 135m] [--precision int8] [--clients 16] [--seconds 60]

Prints tokens per second, the time to the first token and the server's memory; fails where a client gets stuck, where
the aggregate is less than 3.5 times one client's, or where the server still computes in the end.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from inference.bench.shapes import SHAPES, random_checkpoint
from inference.bench.workload import random_ids
from tests.server.running import Served, metric, program, request

GOAL = 3.5
STUCK_SECONDS = 60.0  # without a token
# What grows until it is full is full soon: the KV caches of past requests.
SETTINGS = "cache_budget_mb = 256\n"
LEAVING = 0.25  # share of the requests that are left in the middle
MEMORY_EVERY = 5.0


@dataclass
class Tally:
    """What the clients saw. ``first``: seconds to the first token of each request."""

    tokens: int = 0
    requests: int = 0
    left: int = 0
    first: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)


async def talk(served: Served, body: bytes, tokens: int, leave_after: int | None, tally: Tally) -> None:
    """Ask once, and leave in the middle if so. Of a reply that is left, pieces of text are counted for tokens."""
    begun = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(request("POST", "/v1/completions", body))
    tally.requests += 1
    pieces = 0
    while line := await asyncio.wait_for(reader.readline(), STUCK_SECONDS):
        if b'"finish_reason":"length"' in line:
            tally.tokens += tokens
        if b'"finish_reason":null' not in line:
            continue
        pieces += 1
        if pieces == 1:
            tally.first.append(time.monotonic() - begun)
        if pieces == leave_after:
            tally.left += 1
            tally.tokens += pieces
            break
    writer.close()


async def clients(served: Served, count: int, seconds: float, options: argparse.Namespace, name: str) -> Tally:
    """So many clients, each with one request after the other."""
    tally, end, chance = Tally(), time.monotonic() + seconds, random.Random(1)

    async def client(number: int) -> None:
        for turn in range(10**6):
            if time.monotonic() >= end:
                return
            ids = random_ids(options.prompt, 1000)
            ids[:2] = [number, turn % 1000]
            asked = {"prompt": [int(id_) for id_ in ids], "max_tokens": options.tokens}
            body = json.dumps({"model": name, "stream": True, "temperature": 1, **asked}).encode()
            leaves = count > 1 and chance.random() < LEAVING
            await talk(
                served, body, options.tokens, chance.randrange(1, options.tokens // 2) if leaves else None, tally
            )

    async def watch() -> None:
        assert served.process is not None
        while True:
            tally.memory.append(psutil.Process(served.process.pid).memory_info().rss)
            await asyncio.sleep(MEMORY_EVERY)

    watching = asyncio.ensure_future(watch())
    await asyncio.gather(*map(client, range(count)))
    watching.cancel()
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="a model (default: random weights of --shape)")
    parser.add_argument("--shape", choices=SHAPES, default="135m")
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--prompt", type=int, default=32, help="tokens of each prompt, all different")
    parser.add_argument("--tokens", type=int, default=64, help="tokens of each reply")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = options.model or random_checkpoint(options.shape, Path(folder) / options.shape)
        config = Path(folder, "config", "llm-tui", "config.toml")
        config.parent.mkdir(parents=True)
        config.write_text(SETTINGS)
        with program(Path(folder), "--model", model, "--precision", options.precision) as served:
            asyncio.run(clients(served, 1, 2, options, model.name))  # warm
            alone = asyncio.run(clients(served, 1, options.seconds / 4, options, model.name))
            begun = time.monotonic()
            many = asyncio.run(clients(served, options.clients, options.seconds, options, model.name))
            seconds = time.monotonic() - begun
            end = time.monotonic() + STUCK_SECONDS
            while metric(served, "llm_tui_running") and time.monotonic() < end:
                time.sleep(0.05)
            running = metric(served, "llm_tui_running")
    one, all_ = alone.tokens / (options.seconds / 4), many.tokens / seconds
    grown = (many.memory[-1] - many.memory[len(many.memory) // 4]) / 2**20
    print(
        f"{options.clients} clients, {many.requests} requests, {many.left} left in the middle: {all_:.1f} tokens/s, "
        f"one client {one:.1f}: {all_ / one:.2f} times (at least {GOAL}); first token p50 "
        f"{1000 * np.percentile(many.first, 50):.0f} ms, p95 {1000 * np.percentile(many.first, 95):.0f} ms (one client "
        f"p95 {1000 * np.percentile(alone.first, 95):.0f} ms); memory {many.memory[-1] / 2**20:.0f} MB, "
        f"{grown:+.0f} MB in the last three quarters; {running:.0f} replies still computed"
    )
    sys.exit(0 if all_ >= GOAL * one and not running else 1)


if __name__ == "__main__":
    main()
