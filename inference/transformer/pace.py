"""How many threads share a pass: found out by trying, because others may be using the cores too.

Threads that share a matrix wait for the last of them. Where other programs hold a core, that one is late every time,
and one thread alone can be many times as fast; the results are the same bits either way.
"""

import resource
import time
from dataclasses import dataclass, field

# Passes over more rows than these are prompts: alike per row, and too long to try anything without a reason.
FEW_ROWS = 16
# So many passes go by between two trials, times as often as the slower choice takes longer: trials cost one part in
# so many of the time.
TRIAL_COST = 50
# A shared pass that takes so many times as long as usual calls for a trial at once.
LATE = 4.0
# So often per second are threads driven from their cores where others want these too.
DRIVEN_AWAY = 50.0
# The weight of the newest pass in the mean.
NEWEST = 0.25


@dataclass
class _Record:
    """Mean seconds of a pass: shared by all threads, and by one alone. What is missing was not tried yet."""

    seconds: dict[bool, float] = field(default_factory=dict)
    shared: bool = True
    until_trial: float = 1


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
        self._driven_away = _driven_away()
        self._began = time.perf_counter()
        return self._threads if record.shared != self._trying else 1

    def end(self, rows: int) -> None:
        """The pass has ended."""
        if self._threads == 1:
            return
        record, seconds = self._record(rows), time.perf_counter() - self._began
        contended = _driven_away() - self._driven_away > 1 + DRIVEN_AWAY * seconds
        prompt = rows > FEW_ROWS
        if prompt:
            seconds /= rows
        shared = record.shared != self._trying
        mean = record.seconds.get(shared)
        record.seconds[shared] = seconds if mean is None or self._trying else mean + NEWEST * (seconds - mean)
        if self._trying:
            self._judge(record)
        elif shared and prompt:
            record.until_trial -= contended
        elif shared and mean is not None and seconds > LATE * mean:
            record.until_trial = 0
        else:
            record.until_trial -= 1

    def _record(self, rows: int) -> _Record:
        return self._records.setdefault(min(rows, FEW_ROWS + 1), _Record())

    def _judge(self, record: _Record) -> None:
        record.shared = record.seconds[True] <= record.seconds[False]
        slower, faster = record.seconds[not record.shared], record.seconds[record.shared]
        record.until_trial = TRIAL_COST * slower / faster


def _driven_away() -> int:
    """How often this process's threads had to leave a core that they wanted to keep."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
