"""How many threads share a pass over few rows: found out by trying, because others may be using the cores too.

Threads that share a matrix wait for the last of them. Where other programs hold a core, that one is late every time,
and one thread alone can be many times as fast; the results are the same bits either way.
"""

import time
from dataclasses import dataclass, field

# Prompts are worth sharing whatever happens; only passes over so few rows are mostly waiting.
FEW_ROWS = 16
# So many passes go by between two trials, times as often as the slower choice takes longer: trials cost one part in
# so many of the time.
TRIAL_COST = 50
# A shared pass that takes so many times as long as usual calls for a trial at once.
LATE = 4.0
# The weight of the newest pass in the mean.
NEWEST = 0.25


@dataclass
class _Record:
    """Mean seconds of a pass: shared by all threads, and by one alone. None: not tried yet."""

    seconds: dict[bool, float] = field(default_factory=dict)
    shared: bool = True
    until_trial: int = 1


class Pace:
    """Keeps the times of passes by their number of rows. To be used from one thread."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._records: dict[int, _Record] = {}
        self._trying = False
        self._began = 0.0

    def begin(self, rows: int) -> int:
        """A pass over so many rows begins now: how many threads to share it by."""
        self._began = time.perf_counter()
        if self._threads == 1 or rows > FEW_ROWS:
            return self._threads
        record = self._records.setdefault(rows, _Record())
        self._trying = record.until_trial <= 0
        return self._threads if record.shared != self._trying else 1

    def end(self, rows: int) -> None:
        """The pass has ended."""
        if self._threads == 1 or rows > FEW_ROWS:
            return
        record, seconds = self._records[rows], time.perf_counter() - self._began
        shared = record.shared != self._trying
        mean = record.seconds.get(shared)
        late = shared and mean is not None and seconds > LATE * mean
        record.seconds[shared] = seconds if mean is None or self._trying else mean + NEWEST * (seconds - mean)
        if self._trying:
            self._judge(record)
        else:
            record.until_trial = 0 if late else record.until_trial - 1

    def _judge(self, record: _Record) -> None:
        record.shared = record.seconds[True] <= record.seconds[False]
        slower, faster = record.seconds[not record.shared], record.seconds[record.shared]
        record.until_trial = int(TRIAL_COST * slower / faster)
