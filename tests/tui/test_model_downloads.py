"""Models downloaded from the model picker: suggested or typed, stopped, resumed, and failed."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from tests.fake_hub import FakeHub, serve
from tests.stubs.script import Script
from tests.tiny_model import make_tiny_model
from tests.tui.conftest import SIZE, app_of, current, make_app, ready, tap, until
from tests.tui.model_picking import open_picker, picker, told
from tui.config.paths import downloads_directory


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with serve() as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield hub


async def test_with_nothing_but_the_built_in_models_enter_gets_the_suggested_one(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.available_memory", lambda: 500 * 2**20)
    pulled, go_on = [], threading.Event()
    monkeypatch.setattr("inference.sources.pull.pull", lambda name, *_: (pulled.append(name), go_on.wait(60)))
    async with make_app("guide").run_test(size=(160, 48)) as pilot:
        await ready(pilot)
        screen = await open_picker(pilot)
        assert [row.group for row in screen._list.rows] == ["built-in", "built-in", "suggested"]  # one fits
        assert screen._list.row and screen._list.row.shown_name == "SmolLM2 135M Instruct"
        said = told(screen)["SmolLM2 135M Instruct"]
        assert "93.8 MB to download" in said and "Apache-2.0" in said and "temperature 0.2" in said
        await tap(pilot, "enter")
        await until(pilot, lambda: pulled == [screen._list.row and screen._list.row.name])
        await pilot.press(*"smollm2")
        assert [(row.group, row.shown_name) for row in screen._list.rows] == [("unfinished", "SmolLM2 135M Instruct")]
        go_on.set()


async def test_a_model_of_the_hub_is_downloaded_and_used(hub: FakeHub, shelf: Path) -> None:
    hub.add("org/other", shelf / "second")
    async with make_app(shelf / "first").run_test(size=SIZE) as pilot:
        await ready(pilot)
        screen = await open_picker(pilot)
        await pilot.press(*"org/other")
        await until(pilot, lambda: len(screen._list.rows) == 1)
        assert "Enter to download" in told(screen)["org/other"]
        await tap(pilot, "enter")
        await until(pilot, lambda: screen._list.row and screen._list.row.group == "download")
        await tap(pilot, "enter")
        await until(pilot, lambda: current(pilot).model == "org/other" and app_of(pilot).services.workspace.model)
        model = app_of(pilot).services.workspace.model
        assert model and model.path == downloads_directory() / "org" / "other"


@pytest.mark.slow  # passes alone; in a whole run the part of the weights is gone: the cause is not found yet
async def test_a_download_is_stopped_and_goes_on_where_it_was(hub: FakeHub, shelf: Path, tmp_path: Path) -> None:
    large = make_tiny_model(tmp_path / "large", hidden_size=256, intermediate_size=1024)
    hub.add("org/large", large)
    hub.bytes_per_second = 300_000
    async with make_app(shelf / "first").run_test(size=(160, 48)) as pilot:
        await ready(pilot)
        screen = await open_picker(pilot)
        await pilot.press(*"org/large")
        await until(pilot, lambda: len(screen._list.rows) == 1)
        await tap(pilot, "enter")
        await until(pilot, lambda: "MB/s" in told(screen)["org/large"])
        assert "▓" in told(screen)["org/large"]
        await tap(pilot, "escape", "f4")  # it goes on meanwhile
        screen = picker(pilot)
        await until(pilot, lambda: "org/large" in told(screen))
        screen._list.put_cursor_on("org/large")
        assert screen._list.row and screen._list.row.downloading
        parts = downloads_directory().rglob  # what comes before them is looked at for a while, with no part of a file
        await until(pilot, lambda: sum(path.stat().st_size for path in parts("model.safetensors.part")))
        await tap(pilot, "enter")
        await until(pilot, lambda: "Enter to resume" in told(screen)["org/large"])
        arrived = sum(path.stat().st_size for path in parts("*.part"))
        assert arrived > 0
        hub.bytes_per_second = None
        await tap(pilot, "enter")
        await until(pilot, lambda: screen._list.row and screen._list.row.group == "download")
        assert any("#" in request for request in hub.requests)  # a range was asked for: the rest of it
        weights = "model.safetensors"
        assert (downloads_directory() / "org" / "large" / weights).read_bytes() == (large / weights).read_bytes()


async def test_why_a_download_failed_is_said(hub: FakeHub, shelf: Path) -> None:
    async with make_app(shelf / "first").run_test(size=SIZE) as pilot:
        await ready(pilot)
        screen = await open_picker(pilot)
        await pilot.press(*"org/nowhere")
        await until(pilot, lambda: len(screen._list.rows) == 1)
        await tap(pilot, "enter")
        await until(pilot, lambda: "There is no model org/nowhere" in told(screen)["org/nowhere"])
        await until(pilot, lambda: [row.group for row in screen._list.rows] == ["typed"])  # nothing of it is here


async def test_what_never_came_is_not_kept(hub: FakeHub, shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    async with make_app(shelf / "first").run_test(size=SIZE) as pilot:
        await ready(pilot)
        screen = await open_picker(pilot)
        await pilot.press(*"org/other")
        await until(pilot, lambda: len(screen._list.rows) == 1)
        await tap(pilot, "enter")
        await until(pilot, lambda: "Cannot reach 127.0.0.1:9" in told(screen)["org/other"])
        assert "Progress is kept" not in told(screen)["org/other"]
        await until(pilot, lambda: [row.group for row in screen._list.rows] == ["typed"])
