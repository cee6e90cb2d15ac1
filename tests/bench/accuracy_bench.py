"""What each precision costs in accuracy: mean KL divergence from float32 and bits per byte, on unseen text.

    python -m tests.bench.accuracy_bench models/story runs/story/prepared/heldout.jsonl

The text is one JSON object a line with a "text" each, as `python -m models.recipes prepare` leaves it. Beside int4
stands Q4_0: the same layout, activations and arithmetic, its scales by llama.cpp's rule (the largest value over -8).
"""

import argparse
import contextlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import numpy.typing as npt

from inference import Model
from inference.kernels import choice, reference
from inference.kernels.layout import GROUP

Floats = npt.NDArray[np.float32]


def pack_q4_0(rows: Floats, weights: npt.NDArray[np.uint8], scales: npt.NDArray[np.uint16]) -> None:
    """As reference.pack_int4, with Q4_0's scales."""
    groups = rows.reshape(len(rows), -1, GROUP)
    peaks = np.take_along_axis(groups, np.abs(groups).argmax(-1, keepdims=True), -1)[..., 0]
    steps = (peaks / np.float32(-8)).astype(np.float16)
    reference._store(reference._levels(groups, steps, -8, 7) + 8, steps, weights, scales)


@contextlib.contextmanager
def rounding_of_q4_0() -> Iterator[None]:
    pack = choice.pack
    with mock.patch.object(choice, "pack", lambda bits: pack_q4_0 if bits == 4 else pack(bits)):
        yield


def log_probabilities(model: Model, items: list[list[int]]) -> list[Floats]:
    """For each item, log p [tokens - 1, vocab] of its tokens behind the first."""
    found = []
    for ids in items:
        logits = model.forward(ids[:-1], model.new_cache()).astype(np.float64)
        logits -= logits.max(-1, keepdims=True)
        found.append((logits - np.log(np.exp(logits).sum(-1, keepdims=True))).astype(np.float32))
    return found


def read_items(model: Model, file: Path, tokens: int) -> tuple[list[list[int]], int]:
    """Texts as ids until there are so many, each within the context, and the bytes of these texts."""
    items: list[list[int]] = []
    size = 0
    for line in file.read_text(encoding="utf-8").splitlines():
        text = json.loads(line)["text"]
        ids = model.tokenizer.encode(text)
        if len(ids) <= model.config.max_position_embeddings:
            items.append(ids)
            size += len(text.encode())
        if sum(map(len, items)) - len(items) >= tokens:
            break
    return items, size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("text", type=Path)
    parser.add_argument("--tokens", type=int, default=2000)
    arguments = parser.parse_args()
    exact = Model.load(arguments.model, "float32")
    items, size = read_items(exact, arguments.text, arguments.tokens)
    truth = log_probabilities(exact, items)
    print(f"{sum(map(len, items)) - len(items)} tokens of {len(items)} texts, {size} bytes")
    print(f"{'precision':<12}{'mean KL, nats':>16}{'bits per byte':>16}{'change':>10}")
    base = None
    for name in ("float32", "bfloat16", "int8", "int4", "q4_0"):
        with rounding_of_q4_0() if name == "q4_0" else contextlib.nullcontext():
            model = Model.load(arguments.model, "int4" if name == "q4_0" else name, cache_limit=0)
        found = log_probabilities(model, items)
        kl = np.concatenate([(np.exp(p) * (p - q)).sum(-1) for p, q in zip(truth, found, strict=True)]).mean()
        nats = -sum(q[np.arange(len(ids) - 1), ids[1:]].sum() for ids, q in zip(items, found, strict=True))
        bits = nats / math.log(2) / size
        base = base or bits
        print(f"{name:<12}{kl:>16.2e}{bits:>16.4f}{bits / base - 1:>+10.2%}")


if __name__ == "__main__":
    main()
