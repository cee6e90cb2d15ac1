"""How many threads share a pass: found out by trying, because others may be using the cores too.

Threads that share a matrix wait for the last of them. Where other programs hold a core, that one is late every time,
and one thread alone can be many times as fast; the results are the same bits either way.
"""

import resource
import time
from collections import deque
from dataclasses import dataclass, field
from statistics import median

# Passes over more rows than these are prompts: alike per row, and too long to try anything without a reason.
FEW_ROWS = 16
# So many passes go by between two trials, times as often as the slower choice takes longer: trials cost one part in
# so many of the time. Fewer at first, and after each change of mind: a single trial may have had bad luck.
TRIAL_COST, FIRST_COST = 256, 4
# However long the slower choice took, it is tried again in a while.
AT_MOST_SLOWER = 16.0
# A shared pass that takes so many times as long as usual calls for a trial at once.
LATE = 4.0
# So often per second are threads driven from their cores where others want these too.
DRIVEN_AWAY = 50.0
# The usual pass is the median of so many: one hiccup tells nothing.
USUAL = 3


@dataclass
class _Record:
    """Seconds of the last passes: shared by all threads, and by one alone. What is missing was not tried yet.

    ``warm``: there was a pass already; the first one may have read the weights from a disk.
    """

    seconds: dict[bool, deque[float]] = field(
        default_factory=lambda: {True: deque(maxlen=USUAL), False: deque(maxlen=USUAL)}
    )
    shared: bool = True
    until_trial: float = 1
    cost: int = FIRST_COST
    warm: bool = False


class Pace:
    """Keeps the times of passes by their number of rows. To be used from one thread."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._records: dict[int, _Record] = {}
        self._trying = False
        self._began = 0.0
        self._driven_away = 0

    def begin(self, rows: int) -> int:
        """A pass over so many rows begins now: how many threads to share it by."""
        record = self._record(rows)
        self._trying = record.until_trial <= 0
        if rows > FEW_ROWS:
            self._driven_away = _driven_away()
        self._began = time.perf_counter()
        return self._threads if record.shared != self._trying else 1

    def end(self, rows: int) -> None:
        """The pass has ended."""
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
    """How often this process's threads had to leave a core that they wanted to keep."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
