"""A private session: nothing of it goes to a disk, and it ends with the program."""

import os
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.tui.composing import composer, title
from tests.tui.conftest import app_of, current, idle, make_app, ready, say, shown, until
from tui.services import autosave
from tui.services.reply_trace import VARIABLE

SIZE = (100, 30)
SECRET = b"xyzzy"


def holding(directory: Path) -> list[Path]:
    """Files that have the secret in them or in their names."""
    files = [path for path in directory.rglob("*") if path.is_file()]
    return [path for path in files if SECRET in path.read_bytes() or SECRET.decode() in path.name]


async def private(pilot: Pilot[None]) -> None:
    """Open one in which something was said."""
    await ready(pilot)
    composer(pilot).put("/private")
    await pilot.press("enter")
    await say(pilot, "xyzzy is the word")


async def test_nothing_is_on_disk_and_the_screen_says_so(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autosave, "IDLE_SECONDS", 0.0)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "trace.jsonl"))
    monkeypatch.setenv("VISUAL", "touch")
    async with make_app(tiny_model, cache_budget_mb=1).run_test(size=SIZE) as pilot:
        await private(pilot)
        first = current(pilot)
        assert first.private and title(pilot).startswith("Private")
        assert app_of(pilot).main.top.session.startswith("private · ")
        await pilot.press("f2", *" xyzzy title", "enter")
        await pilot.press("escape", "f")  # a fork is as private
        await pilot.pause()
        fork = current(pilot)
        assert fork.private and fork is not first
        await say(pilot, "xyzzy again")
        await pilot.press("ctrl+g")
        assert "editor" in current(pilot).notice
        await pilot.press(*"xyzzy unsent", "ctrl+n")
        assert not current(pilot).private
        for _ in range(3):
            app_of(pilot)._tick()
            await pilot.pause()
        assert not (tmp_path / "trace.jsonl").exists()
        titles = [line.title for line in app_of(pilot).services.sessions.lines()]
        assert len([each for each in titles if each.startswith("Private: ")]) == 2
    places = [Path(os.environ[name]) for name in os.environ if name.startswith("XDG_")]
    assert places and not [found for place in places for found in holding(place)]


async def test_one_comes_back_to_it_while_the_program_runs(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await private(pilot)
        session = current(pilot)
        for number in range(6):  # more than are kept in memory otherwise
            await pilot.press("ctrl+n")
            await say(pilot, f"public {number}")
        app_of(pilot).actions.application.open(session.id)
        await pilot.pause()
        assert current(pilot) is session and any("xyzzy" in line for line in shown(pilot))
        await say(pilot, "and more")
        await pilot.press("up")
        assert composer(pilot).text == "and more"  # the input's history knows it here
        await pilot.press("up")
        assert composer(pilot).text == "xyzzy is the word"


async def test_it_is_asked_for_before_it_is_gone(tiny_model: Path) -> None:
    app = make_app(tiny_model)
    async with app.run_test(size=SIZE) as pilot:
        await private(pilot)
        await pilot.press("ctrl+q")
        assert app.is_running and "Private sessions will be gone" in current(pilot).notice
        await pilot.press("ctrl+q")
        await until(pilot, lambda: not app.is_running)
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        titles = [line.title for line in app_of(pilot).services.sessions.lines()]
        assert titles and not [title for title in titles if "xyzzy" in title or "Private" in title]


async def test_ctrl_c_twice_asks_too(tiny_model: Path) -> None:
    app = make_app(tiny_model)
    async with app.run_test(size=SIZE) as pilot:
        await private(pilot)
        await pilot.press("ctrl+c", "ctrl+c")
        assert app.is_running and "Private sessions will be gone" in current(pilot).notice
        await pilot.press("ctrl+c", "ctrl+c")
        await until(pilot, lambda: not app.is_running)


async def test_an_empty_one_asks_nothing(tiny_model: Path) -> None:
    app = make_app(tiny_model)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        app.action_do("private_session")
        await idle(pilot)
        await pilot.press("ctrl+q")
        await until(pilot, lambda: not app.is_running)


async def test_the_title_and_notifications_do_not_name_it(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await private(pilot)
        assert app_of(pilot).alerts.title == "Private session · llm-tui"
