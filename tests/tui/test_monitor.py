"""The monitor: rates of the engine, what each session does, and memory by kind."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from textual.pilot import Pilot

from inference.runtime.activity import Activity, CacheMemory
from tests.tui.conftest import SIZE, app_of, idle, make_app, ready, tap, until
from tui.screens.monitor import LEVELS, MonitorPage, MonitorScreen, curve, engine_rows
from tui.services.monitor import Monitor, Rates


def rows(pilot: Pilot[None]) -> str:
    screen = app_of(pilot).screen
    return "\n".join(page.render().plain for page in screen.query(MonitorPage))


async def test_a_reply_that_runs_is_shown_beside_idle_sessions(talkative_model: Path) -> None:
    async with make_app(talkative_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await tap(pilot, *"hello", "enter")
        await until(pilot, lambda: app_of(pilot).main.status.state.word == "generating")
        await pilot.press("f12")
        assert app_of(pilot).screen is app_of(pilot).main, "the figures come first"
        await pilot.press("f12")
        await until(pilot, lambda: "◐ hello" in rows(pilot) and "generating" in rows(pilot) and "tokens" in rows(pilot))
        assert "Caches in use             1.0 MB" in rows(pilot) and "Idle caches               3.0 MB" in rows(pilot)
        assert "going to the disk" not in rows(pilot), "nothing is"
        await pilot.press("f12")
        assert app_of(pilot).screen is app_of(pilot).main and not app_of(pilot).main.status.toggled
        await tap(pilot, "escape")
        await idle(pilot)
        app_of(pilot).actions.do("monitor")
        await until(pilot, lambda: isinstance(app_of(pilot).screen, MonitorScreen) and "idle" in rows(pilot))


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (160, 48)])
async def test_it_fits_any_screen_and_is_left_by_escape(tiny_model: Path, size: tuple[int, int]) -> None:
    async with make_app(tiny_model).run_test(size=size) as pilot:
        await ready(pilot)
        app_of(pilot).actions.do("monitor")
        await until(pilot, lambda: isinstance(app_of(pilot).screen, MonitorScreen) and "Memory" in rows(pilot))
        frame = app_of(pilot).screen.query_one("#monitor")
        assert frame.region.bottom <= size[1] and frame.region.right <= size[0]
        await until(pilot, lambda: "Esc close" in str(frame.border_subtitle))
        await pilot.press("pagedown", "escape")
        assert app_of(pilot).screen is app_of(pilot).main


def test_rates_are_what_happened_between_two_looks() -> None:
    activity = Activity()
    monitor = Monitor(SimpleNamespace(activity=activity, cache_memory=CacheMemory()))  # type: ignore[arg-type]
    monitor.look(10.0)
    assert not monitor.rates, "there is nothing to compare with yet"
    activity.passes, activity.sequences, activity.tokens = 10, 35, 40
    monitor.look(10.5)
    monitor.look(11.0)
    assert list(monitor.rates) == [Rates(80.0, 3.5), Rates(0.0, 0.0)]
    monitor.look(11.0)
    assert len(monitor.rates) == 2, "no time has passed"


@pytest.mark.parametrize(("values", "drawn"), [([0, 50, 100], "▁▅█"), ([0, 0], "▁▁"), ([], ""), ([7], "█")])
def test_the_curve(values: Sequence[float], drawn: str) -> None:
    assert curve(values) == drawn and set(drawn) <= set(LEVELS)


def test_the_curve_has_the_newest_that_fit() -> None:
    shown = [row.plain for row in engine_rows([Rates(float(n), 1.0) for n in range(200)], 46)]
    assert shown[-1] == f"{'Last 10 s, up to 199':<26}{curve([float(n) for n in range(180, 200)])}"
    assert [row.plain for row in engine_rows([], 46)][-1].endswith("none now"), "before anything is known"
