"""The number of threads follows what passes really take; the clock is the test's, the decisions are the code's."""

import pytest

from inference.transformer import thread_autotune
from inference.transformer.thread_autotune import Pace


class Machine:
    """A machine on which a pass takes so many seconds, shared or alone."""

    def __init__(self, shared: float, alone: float) -> None:
        self.shared, self.alone = shared, alone
        self.now = 0.0
        self.driven_away = 0  # in each pass
        self.driven_away_so_far = 0

    def passes(self, judge: Pace, count: int, rows: int = 1) -> list[int]:
        chosen = []
        for _ in range(count):
            threads = judge.begin(rows)
            self.now += self.alone if threads == 1 else self.shared
            self.driven_away_so_far += self.driven_away
            judge.end(rows)
            chosen.append(threads)
        return chosen


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(shared=1.0, alone=1.8)
    monkeypatch.setattr(thread_autotune.time, "perf_counter", lambda: machine.now)
    monkeypatch.setattr(thread_autotune, "_driven_away", lambda: machine.driven_away_so_far)
    return machine


def test_threads_share_where_that_is_faster(machine: Machine) -> None:
    chosen = machine.passes(Pace(4), 1000)
    assert set(chosen) == {1, 4}
    assert chosen.count(1) <= 20  # trials, which cost next to nothing


def test_one_works_alone_where_the_others_are_held_up(machine: Machine) -> None:
    judge = Pace(2)
    machine.shared, machine.alone = 80.0, 1.0
    chosen = machine.passes(judge, 400)
    assert chosen[:4] == [2, 2, 1, 1]
    assert chosen.count(2) <= 5


def test_it_notices_when_things_change(machine: Machine) -> None:
    judge = Pace(2)
    machine.passes(judge, 50)
    machine.shared = 90.0  # somebody takes a core
    assert machine.passes(judge, 30).count(2) <= 3
    machine.shared = 1.0  # and gives it back
    machine.passes(judge, 6000)
    assert machine.passes(judge, 100).count(1) <= 3


def test_a_slow_start_and_a_hiccup_say_nothing(machine: Machine) -> None:
    judge = Pace(2)
    machine.shared = 100.0  # the weights come from a disk
    machine.passes(judge, 1)
    machine.shared = 1.0
    assert machine.passes(judge, 200).count(1) <= 8
    machine.shared = 100.0  # the machine stands still for a moment
    machine.passes(judge, 1)
    machine.shared = 1.0
    assert machine.passes(judge, 200).count(1) <= 8


def test_an_unlucky_trial_is_made_up_for(machine: Machine) -> None:
    judge = Pace(2)
    machine.passes(judge, 1)
    machine.shared = 10.0
    machine.passes(judge, 2)
    machine.shared = 1.0
    assert machine.passes(judge, 200).count(1) <= 60


def test_prompts_are_shared_unless_threads_are_driven_from_their_cores(machine: Machine) -> None:
    judge = Pace(2)
    machine.shared = 5.0
    assert set(machine.passes(judge, 50, rows=256)) == {2}
    machine.driven_away = 1000
    assert machine.passes(judge, 50, rows=200).count(2) <= 3


def test_one_thread_stays_one(machine: Machine) -> None:
    assert set(machine.passes(Pace(1), 50)) == {1}
