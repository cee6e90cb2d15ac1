"""Full collections happen while nothing else does."""

import gc
import platform
import threading

import psutil
import pytest

from tui.process.garbage_collection import DUE_OLD, DUE_YOUNG, ENOUGH, USUAL, IdleCollector, give_back


class Counts:
    """What gc.get_count says, how often everything was collected, and how often the young objects."""

    def __init__(self) -> None:
        self.counts = (0, 0, 0)
        self.collected = self.young = 0

    def collect(self, generation: int = 2) -> None:
        self.collected += generation == 2
        self.young += generation == 1
        self.counts = (0, 0, 0)


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counts:
    counts = Counts()
    monkeypatch.setattr(gc, "get_count", lambda: counts.counts)
    monkeypatch.setattr(gc, "get_threshold", lambda: USUAL)
    monkeypatch.setattr(gc, "collect", counts.collect)
    return counts


def test_collects_once_nothing_is_made_any_more(counts: Counts) -> None:
    collector = IdleCollector()
    counts.counts = (7, ENOUGH, 0)
    collector.look()
    assert counts.collected == 0  # something was made since the start
    collector.look()
    assert counts.collected == 1
    collector.look()
    collector.look()
    assert counts.collected == 1


def test_waits_while_objects_are_made(counts: Counts) -> None:
    collector = IdleCollector()
    for young in range(3 * ENOUGH):
        counts.counts = (7, young % USUAL[1], young // USUAL[1])
        collector.look()
    assert counts.collected == 0


def test_little_is_not_worth_it(counts: Counts) -> None:
    collector = IdleCollector()
    counts.counts = (4000, ENOUGH - 1, 0)
    for _ in range(5):
        collector.look()
    assert counts.collected == 0


@pytest.mark.parametrize(
    ("young", "old", "expected"),
    [(DUE_YOUNG - 1, DUE_OLD - 1, (0, 0)), (DUE_YOUNG, 0, (1, 0)), (0, DUE_OLD, (0, 1)), (USUAL[1], USUAL[2], (0, 1))],
)
def test_what_is_due_is_collected_after_a_frame(
    counts: Counts, young: int, old: int, expected: tuple[int, int]
) -> None:
    counts.counts = (0, young, old)
    IdleCollector().after_frame()
    assert (counts.young, counts.collected) == expected
    assert USUAL[1] > DUE_YOUNG and USUAL[2] > DUE_OLD, "before it happens by itself"


def test_nothing_is_collected_while_the_program_starts(counts: Counts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gc, "get_threshold", lambda: (50_000, 10, 10))
    counts.counts = (0, USUAL[1], USUAL[2])
    IdleCollector().after_frame()
    assert (counts.young, counts.collected) == (0, 0)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no heap to trim")
def test_what_was_freed_between_pieces_in_use_goes_back_to_the_system() -> None:
    kept: list[list[bytearray]] = []

    def work() -> None:
        pieces = [bytearray(3000) for _ in range(20_000)]  # 60 MB, in a heap of the thread's own
        kept.append(pieces[::200])

    thread = threading.Thread(target=work)
    resident = psutil.Process().memory_info
    thread.start()
    thread.join()
    before = resident().rss
    give_back()
    assert resident().rss < before - 30_000_000
