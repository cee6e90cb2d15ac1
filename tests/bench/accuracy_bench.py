"""What each precision costs in accuracy: mean KL divergence from float32 and bits per byte, on unseen text.

    python -m tests.bench.accuracy_bench models/story runs/story/prepared/heldout.jsonl

The text is one JSON object a line with a "text" each, as `python -m models.recipes prepare` leaves it. Beside int4
stands Q4_0: the same activations, its scales in float16 by llama.cpp's rule (the largest value over -8).
"""

import argparse
import contextlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import numpy.typing as npt

from inference import Model
from inference.kernels import reference
from inference.kernels.backend import Backend
from inference.kernels.layout import GROUP
from inference.kernels.quantized_matrix import Form, QuantizedMatrix

Floats = npt.NDArray[np.float32]


class RoundedAsQ4(QuantizedMatrix):
    """Multiplies in float32 what Q4_0 makes of the weights with what this project makes of the activations."""

    def __init__(self, weights: Floats) -> None:
        super().__init__(Form(weights.shape, 4), np.empty(0, np.uint8))  # type: ignore[arg-type]
        padded = in_groups(weights)
        peaks = np.take_along_axis(padded, np.abs(padded).argmax(-1, keepdims=True), -1)
        steps = (peaks / np.float32(-8)).astype(np.float16).astype(np.float32)
        levels = np.divide(padded, steps, out=np.zeros_like(padded), where=steps != 0)
        rounded = np.clip(np.rint(levels), -8, 7) * steps
        object.__setattr__(self, "rounded", rounded.reshape(len(weights), -1))

    def __call__(self, x: Floats) -> Floats:
        groups = in_groups(x)
        codes, scales = np.empty(groups.shape, np.int8), np.empty(groups.shape[:2], np.float32)
        starts = np.empty(scales.shape, np.int32)
        reference.quantize_rows(groups.reshape(len(x), -1), codes.reshape(len(x), -1), scales, starts, 8)
        product: Floats = (codes * scales[..., None]).reshape(len(x), -1) @ self.rounded.T  # type: ignore[attr-defined]
        return product


def in_groups(rows: Floats) -> Floats:
    return np.pad(rows, ((0, 0), (0, -rows.shape[1] % GROUP))).reshape(len(rows), -1, GROUP)


@contextlib.contextmanager
def rounding_of_q4_0() -> Iterator[None]:
    """Round int4 matrices as Q4_0 does. For the numpy backend, whose matrices each hold one tensor."""
    pack = QuantizedMatrix.pack

    def round_or_pack(part: npt.NDArray[Any], bits: int, backend: Backend) -> QuantizedMatrix:
        return RoundedAsQ4(reference.widen(part)) if bits == 4 else pack(part, bits=bits, backend=backend)

    with mock.patch.object(QuantizedMatrix, "pack", round_or_pack):
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
        q4_0 = name == "q4_0"
        with rounding_of_q4_0() if q4_0 else contextlib.nullcontext():
            precision, backend = ("int4", "numpy") if q4_0 else (name, "auto")
            model = Model.load(arguments.model, precision, cache_limit=0, backend=backend)
            found = log_probabilities(model, items)
        kl = np.concatenate([(np.exp(p) * (p - q)).sum(-1) for p, q in zip(truth, found, strict=True)]).mean()
        nats = -sum(q[np.arange(len(ids) - 1), ids[1:]].sum() for ids, q in zip(items, found, strict=True))
        bits = nats / math.log(2) / size
        base = base or bits
        print(f"{name:<12}{kl:>16.2e}{bits:>16.4f}{bits / base - 1:>+10.2%}")


if __name__ == "__main__":
    main()
