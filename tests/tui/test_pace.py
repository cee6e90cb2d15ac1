"""Frames leave as the terminal answers for them; one that never answers, or loses an answer, stops nothing."""

import asyncio
import re

import pytest
from textual import events
from textual.app import App

from tests.tui.conftest import until
from tui.terminal import input_queue
from tui.terminal.frame_pacing import AHEAD, COLUMNS, FIRST, LOST, ROW, Pace


def column(question: str) -> int:
    found = re.fullmatch(r"\x1b7\x1b\[(\d+);(\d+)H\x1b\[6n\x1b8", question)
    assert found is not None and int(found[1]) == ROW
    return int(found[2])


@pytest.fixture
def pace() -> Pace:
    """One whose terminal has answered the first question."""
    pace = Pace()
    pace.answered(ROW, column(pace.question(0)), 0)
    return pace


def test_a_terminal_that_never_answers_is_asked_once() -> None:
    pace = Pace()
    assert pace.question(0)
    assert [pace.question(time) for time in range(100)] == [""] * 100
    assert pace.wait(0, False) == pace.wait(100, False) == 0
    assert pace.awaited(FIRST / 2) and not pace.awaited(FIRST)


def test_at_most_two_frames_are_not_answered(pace: Pace) -> None:
    asked = []
    for _ in range(AHEAD):
        assert pace.wait(1, pressed=True) == 0
        asked.append(column(pace.question(1)))
    assert pace.wait(1, pressed=True) == LOST and pace.awaited(1)
    for each in asked:
        pace.answered(ROW, each, 2)
        assert pace.wait(2, pressed=True) == 0
    assert not pace.awaited(2)


def test_the_last_place_is_for_what_a_key_has_done(pace: Pace) -> None:
    assert pace.wait(1, pressed=False) == 0
    asked = column(pace.question(1))
    assert pace.wait(1, pressed=False) == LOST and pace.wait(1, pressed=True) == 0
    pace.answered(ROW, asked, 2)
    assert pace.wait(2, pressed=False) == 0


def test_an_answer_counts_for_the_frames_before_it(pace: Pace) -> None:
    pace.question(1)
    last = column(pace.question(1))
    pace.answered(ROW, last, 1)
    assert pace.open == 0


def test_what_is_no_answer_to_it_is_not_counted(pace: Pace) -> None:
    """Shift and F3 says `ESC [ 1 ; 2 R` as well, and others may ask elsewhere."""
    pace.question(1)
    pace.answered(1, 2, 1)
    assert pace.open == 1


def test_a_lost_answer_costs_its_time_once(pace: Pace) -> None:
    for _ in range(AHEAD):
        pace.question(10)
    assert pace.wait(10 + LOST - 1, True) == 1 and pace.wait(10 + LOST, True) == 0
    probe = column(pace.question(10 + LOST))
    assert pace.wait(10 + LOST, True) == LOST
    pace.answered(ROW, probe, 16)
    assert pace.open == 0 and pace.wait(16, True) == 0


def test_a_terminal_narrower_than_the_column_answers_for_the_oldest(pace: Pace) -> None:
    while column(pace.question(1)) < COLUMNS - 2:
        pace.answered(ROW, 3, 1)
    before = pace.open
    pace.answered(ROW, 3, 1)
    assert pace.open == before - 1


class Quiet(App[None]):
    pressed = ""

    def on_key(self, event: events.Key) -> None:
        self.pressed += event.key


async def test_what_a_key_has_done_is_told_before_the_next_painting(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left to do after a painting waits for one, and the painting may wait for the terminal."""
    app = Quiet()
    told: list[str] = []
    monkeypatch.setattr(input_queue, "PATIENCE", 1e9)
    monkeypatch.setattr(input_queue.Turns, "_pending", lambda self, first: first is None)
    async with app.run_test() as pilot:
        queue = input_queue.Turns(app, asyncio.get_running_loop(), lambda: told.append(app.pressed))
        queue.put(events.Key("a", "a"))
        await until(pilot, lambda: told, 5)
        assert told == ["a"]
