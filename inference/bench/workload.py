"""Workload of a benchmark: prefill and decode at several depths and batch sizes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from inference.errors import ContextOverflowError, ParameterError

PROMPT = 512
DEPTHS = (0, 512, 2048)
REPLY = 64


@dataclass(frozen=True)
class Case:
    """Prefill, or decode of ``batch`` sequences together, with ``depth`` tokens in each cache."""

    kind: Literal["prefill", "decode"]
    depth: int
    batch: int = 1


@dataclass(frozen=True)
class Workload:
    """``prompt`` and ``reply``: tokens per case. ``repeat``: number of rounds, of which the best counts."""

    prompt: int
    depths: tuple[int, ...]
    batches: tuple[int, ...] = (1,)
    repeat: int = 3
    reply: int = REPLY

    @classmethod
    def fitting(
        cls, context: int, prompt: int | None, depths: tuple[int, ...], batches: tuple[int, ...], repeat: int
    ) -> "Workload":
        """Resolve the arguments; what was left open (None, no depths) is PROMPT and DEPTHS as far as ``context`` goes.

        Raises ContextOverflowError for what was asked for and does not fit, ParameterError for numbers that cannot be.
        """
        if min(repeat, *batches) < 1 or min(depths, default=0) < 0 or (prompt is not None and prompt < 1):
            raise ParameterError("Prompt, batch and repeat must be at least 1, and depth at least 0.")
        prompt = min(PROMPT, context // 2) if prompt is None else prompt
        reply = min(REPLY, context // 2)
        room = max(prompt, reply)
        depths = depths or tuple(depth for depth in DEPTHS if depth == 0 or depth + room <= context)
        needed = max(max(depths) + room, prompt + 1)  # a prompt and its first token
        if needed > context:
            raise ContextOverflowError(needed, context)
        return cls(prompt, tuple(sorted(set(depths))), tuple(sorted(set(batches))), repeat, reply)

    @property
    def room(self) -> int:
        """Positions that a case needs beyond its depth."""
        return max(self.prompt, self.reply)

    @property
    def longest(self) -> int:
        """Positions of the longest sequence."""
        return max(self.depths) + self.room

    def stands(self) -> Iterator[tuple[int, int, list[Case]]]:
        """(depth, batch, cases) to measure; prefill only with the smallest batch."""
        for depth in self.depths:
            for batch in self.batches:
                prefill = [Case("prefill", depth)] if batch == self.batches[0] else []
                yield depth, batch, [*prefill, Case("decode", depth, batch)]

    def length(self, case: Case) -> int:
        """Tokens per sequence of a case."""
        return self.prompt if case.kind == "prefill" else self.reply


def random_ids(count: int, vocabulary: int) -> list[int]:
    """Reproducible random token ids below ``vocabulary``."""
    ids: list[int] = np.random.default_rng(0).integers(vocabulary, size=count).tolist()
    return ids
