"""Auto-tunes the number of threads per forward pass.

Threads that share a matrix wait for the slowest. If another program occupies a core, its thread is late every time, and
a single thread can be many times as fast. The results are bitwise equal either way.
"""

import resource
import time
from collections import deque
from dataclasses import dataclass, field
from statistics import median

# More rows than this are a prompt: such passes cost the same per row and are too long to experiment with.
FEW_ROWS = 16
# Passes between two trials, multiplied by how much slower the worse choice is, so that trials cost 1/TRIAL_COST of the
# time. FIRST_COST applies at first and after each change of the choice: a single trial may have been an outlier.
TRIAL_COST, FIRST_COST = 256, 4
# Upper bound of that factor, so that the slower choice is retried eventually.
AT_MOST_SLOWER = 16.0
# A shared pass this many times slower than usual triggers a trial at once.
LATE = 4.0
# Involuntary context switches per second that indicate contention.
DRIVEN_AWAY = 50.0
# Passes whose median is the usual time; one outlier must not count.
USUAL = 3


@dataclass
class _Record:
    """Seconds of the last passes, with all threads (True) and with one (False); empty if not tried yet.

    ``warm``: False before the first pass, which may have read the weights from disk.
    """

    seconds: dict[bool, deque[float]] = field(
        default_factory=lambda: {True: deque(maxlen=USUAL), False: deque(maxlen=USUAL)}
    )
    shared: bool = True
    until_trial: float = 1
    cost: int = FIRST_COST
    warm: bool = False


class Pace:
    """Records the times of passes by number of rows. Not thread-safe."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._records: dict[int, _Record] = {}
        self._trying = False
        self._began = 0.0
        self._driven_away = 0

    def begin(self, rows: int) -> int:
        """Start a pass over ``rows`` rows; return the number of threads for it."""
        record = self._record(rows)
        self._trying = record.until_trial <= 0
        if rows > FEW_ROWS:
            self._driven_away = _driven_away()
        self._began = time.perf_counter()
        return self._threads if record.shared != self._trying else 1

    def end(self, rows: int) -> None:
        """End the pass and record its time."""
        if self._threads == 1:
            return
        record, elapsed = self._record(rows), time.perf_counter() - self._began
        if not record.warm:
            record.warm = True
            return
        prompt = rows > FEW_ROWS
        seconds = elapsed / rows if prompt else elapsed
        shared = record.shared != self._trying
        times = record.seconds[shared]
        late = shared and bool(times) and seconds > LATE * median(times)
        if self._trying:
            times.clear()
        times.append(seconds)
        if self._trying:
            _judge(record)
        elif shared and prompt:
            contended = _driven_away() - self._driven_away > 1 + DRIVEN_AWAY * elapsed
            record.until_trial -= contended
        elif late:
            record.until_trial = 0
        else:
            record.until_trial -= 1

    def _record(self, rows: int) -> _Record:
        return self._records.setdefault(min(rows, FEW_ROWS + 1), _Record())


def _judge(record: _Record) -> None:
    together, alone = median(record.seconds[True]), median(record.seconds[False])
    shared = together <= alone
    record.cost = min(2 * record.cost, TRIAL_COST) if shared == record.shared else FIRST_COST
    record.shared = shared
    record.until_trial = record.cost * min(max(together / alone, alone / together), AT_MOST_SLOWER)


def _driven_away() -> int:
    """Involuntary context switches so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
