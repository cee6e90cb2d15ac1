"""The model picker as tests see it, and a model that loads slowly."""

import threading
from pathlib import Path

from textual.pilot import Pilot

from tests.stubs.script import Script
from tests.tui.conftest import app_of, fake_directory, tap, until
from tui.screens.model_picker import ModelPicker
from tui.widgets.model_list import about


def slow_model(tmp_path: Path, script: Script) -> tuple[Path, threading.Event]:
    """One whose loading lasts until what is returned is set."""
    slow, let_go = fake_directory(tmp_path / "slow"), threading.Event()
    script.loading = lambda path: None if path != slow else let_go.wait()
    return slow, let_go


def picker(pilot: Pilot[None]) -> ModelPicker:
    assert isinstance(pilot.app.screen, ModelPicker)
    return pilot.app.screen


async def open_picker(pilot: Pilot[None]) -> ModelPicker:
    """Opened, and all that is here read."""
    await tap(pilot, "f4")
    await until(pilot, lambda: isinstance(pilot.app.screen, ModelPicker))
    await until(pilot, lambda: picker(pilot)._list.rows and not picker(pilot).workers._workers)
    return picker(pilot)


async def choose(pilot: Pilot[None], text: str, *keys: str) -> None:
    """The model that is left when ``text`` is typed, and its reply to ask for."""
    screen = await open_picker(pilot)
    await tap(pilot, *text)
    await until(pilot, lambda: len(screen._list.rows) == 1)
    await tap(pilot, *keys, "enter")
    await until(pilot, lambda: app_of(pilot).services.workspace.model)
    await pilot.pause()


def told(screen: ModelPicker) -> dict[str, str]:
    """Everything the picker says, by the name it shows."""
    return {
        row.shown_name: about(row, screen._precision, screen._list.available, 200).plain for row in screen._list.rows
    }
