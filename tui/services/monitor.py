"""What the monitor shows: rates of the engine over time, and memory by kind."""

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from inference import Engine

# Looks that are kept: two minutes, at two a second.
LOOKS = 240


class Rates(NamedTuple):
    """Between two looks: tokens per second of all replies, and the mean number of them in a pass."""

    tokens_per_second: float
    batch: float


class Memory(NamedTuple):
    """Bytes by kind. ``rest``: of the process, mostly models' weights; ``free``: None where it is unknown."""

    busy: int
    idle: int
    waiting: int
    rest: int
    free: int | None


class Monitor:
    """Looks at the engine; ``rates`` has the newest last."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._before: tuple[float, int, int, int] | None = None
        self.rates: deque[Rates] = deque(maxlen=LOOKS)

    def look(self, now: float) -> None:
        """Take the rates since the look before. ``now``: in seconds."""
        activity = self._engine.activity
        counts = now, activity.passes, activity.sequences, activity.tokens
        if self._before is not None and now > self._before[0]:
            seconds, passes, sequences, tokens = (
                after - before for after, before in zip(counts, self._before, strict=True)
            )
            self.rates.append(Rates(tokens / seconds, sequences / passes if passes else 0.0))
        self._before = counts

    def memory(self) -> Memory:
        """What the process takes now. Reads files of the system."""
        # Imported late: the first screen needs no memory measured.
        import psutil

        from inference.system.memory import available_memory

        caches = self._engine.cache_memory
        rest = psutil.Process().memory_info().rss - caches.busy - caches.idle - caches.waiting
        return Memory(caches.busy, caches.idle, caches.waiting, max(0, rest), available_memory())
