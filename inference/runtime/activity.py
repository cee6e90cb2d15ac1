"""What an engine does: counts of its passes, and the memory of its caches."""

from dataclasses import dataclass


@dataclass
class Activity:
    """Counts since the engine was started, written by its thread; differences of two looks are rates.

    ``passes`` over a model's weights; ``sequences``: of all passes together, so that their quotient is the mean batch;
    ``tokens`` sampled.
    """

    passes: int = 0
    sequences: int = 0
    tokens: int = 0


@dataclass(frozen=True)
class CacheMemory:
    """Bytes of KV caches; blocks that forks share count for each of them.

    ``busy``: of sessions with a request; ``idle``: of the others, which have a budget; ``waiting``: for a slow disk.
    """

    busy: int = 0
    idle: int = 0
    waiting: int = 0
