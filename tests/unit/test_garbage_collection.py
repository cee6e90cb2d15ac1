"""Full collections happen while nothing else does."""

import gc

import pytest

from tui.process.garbage_collection import ENOUGH, USUAL, IdleCollector


class Counts:
    """What gc.get_count says, and how often everything was collected."""

    def __init__(self) -> None:
        self.counts = (0, 0, 0)
        self.collected = 0

    def collect(self) -> None:
        self.collected += 1
        self.counts = (0, 0, 0)


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counts:
    counts = Counts()
    monkeypatch.setattr(gc, "get_count", lambda: counts.counts)
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
