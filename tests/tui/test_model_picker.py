"""The model picker: the models it lists, its description of each, and the ways to choose one."""

import gc
from pathlib import Path

import pytest
from textual.widgets import Input

from tests.gguf_models import make_gguf
from tests.tiny_model import CHATML
from tests.tui.conftest import SIZE, app_of, current, make_app, ready, say, tap, until
from tests.tui.model_picking import choose, open_picker, picker, told
from tui.screens.model_picker import ModelPicker


async def test_everything_here_is_listed_and_told(shelf: Path) -> None:
    app = make_app(shelf / "first", model_directories=(str(shelf),))
    async with app.run_test(size=(160, 48)) as pilot:
        await ready(pilot)
        screen = await open_picker(pilot)
        says = told(screen)
        assert {"guide", "story", "first", "second", "foreign", "broken"} <= set(says)
        assert "llama · 30.9 K parameters · 0.1 MB on disk · context 512 · chat" in says["first"]
        for precision in ("float32", "bfloat16", "float16", "int8", "int4"):
            assert f"{precision} " in says["second"]
        assert "✓" in says["second"] and "free)" in says["second"]
        assert "gpt2" in says["foreign"] and "not supported" in says["foreign"]
        assert "config.json" in says["broken"]
        assert screen._list.row and screen._list.row.shown_name == "first"  # the one in use
        await pilot.press("enter", "escape")


async def test_the_model_in_use_is_listed_wherever_it_is(shelf: Path) -> None:
    async with make_app(shelf / "first").run_test(size=SIZE) as pilot:
        await ready(pilot)
        screen = await open_picker(pilot)
        assert screen._list.row and screen._list.row.name == str(shelf / "first")
        assert "second" not in told(screen)


async def test_a_click_chooses(shelf: Path) -> None:
    async with make_app(shelf / "first", model_directories=(str(shelf),)).run_test(size=SIZE) as pilot:
        await ready(pilot)
        screen = await open_picker(pilot)
        await pilot.press(*"second")
        await pilot.click("#model-list", offset=(5, 1))
        await until(pilot, lambda: current(pilot).model == str(shelf / "second"))
        assert screen not in pilot.app.screen_stack


async def test_what_cannot_be_used_cannot_be_chosen(shelf: Path) -> None:
    async with make_app(shelf / "first", model_directories=(str(shelf),)).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await open_picker(pilot)
        await pilot.press(*"broken", "enter")
        assert "Unsupported" in told(picker(pilot))["broken"]
        await pilot.press("escape")
        assert current(pilot).model == str(shelf / "first")


async def test_auto_says_what_runs() -> None:
    async with make_app("story", mode="story").run_test(size=SIZE) as pilot:
        await until(pilot, lambda: app_of(pilot).services.workspace.model, 120)
        screen = await open_picker(pilot)
        model = app_of(pilot).services.workspace.model
        assert model and f"auto: {model.precision}" in told(screen)["story"]


async def test_what_does_not_fit_is_marked(shelf: Path) -> None:
    async with make_app(shelf / "first", model_directories=(str(shelf),)).run_test(size=SIZE) as pilot:
        await ready(pilot)
        screen = await open_picker(pilot)
        info = next(row.info for row in screen._list.rows if row.shown_name == "second" and row.info)
        screen._list.available = info.plan.needs["int8"].at(1)
        says = told(screen)["second"]
        assert "auto: int8" in says
        assert says.count("✗") == 3 and says.count("for 256 ✓") == 2 and "context 256 of 512" in says
        screen._list.redraw()
        lines = [screen._list.get_option(str(index)).prompt for index in range(len(screen._list.rows))]
        assert any("second" in str(line) and "fits in int8" in str(line) for line in lines)


async def test_what_is_typed_before_it_was_looked_up_leaves_nothing_behind(
    shelf: Path, recwarn: pytest.WarningsRecorder
) -> None:
    async with make_app(shelf / "first").run_test(size=SIZE) as pilot:
        await ready(pilot)
        screen = await open_picker(pilot)
        for text in ("/", "/t", "/tm"):
            screen.on_input_changed(Input.Changed(screen.query_one(Input), text))
        await until(pilot, lambda: not screen.workers._workers)
    gc.collect()
    assert not [warning for warning in recwarn if "never awaited" in str(warning.message)]


async def test_any_directory_can_be_typed(shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shelf.parent)
    async with make_app(shelf / "first").run_test(size=SIZE) as pilot:
        await ready(pilot)
        await choose(pilot, "./mine/second")
        assert current(pilot).model == str(shelf / "second")
        await open_picker(pilot)
        await pilot.press(*"./mine/nothing")
        await until(pilot, lambda: not picker(pilot)._list.rows)
        assert "No matching model" in str(picker(pilot)._about.content)
        await tap(pilot, "enter")
        assert isinstance(pilot.app.screen, ModelPicker)


async def test_a_gguf_file_is_chosen_by_its_path(real_shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_TUI_KERNELS", "numpy")  # kernels need not be compiled for it
    file = make_gguf(real_shelf / "second", real_shelf / "second.Q8_0.gguf", "Q8_0", tokenizer__chat_template=CHATML)
    async with make_app(real_shelf / "first").run_test(size=(160, 48)) as pilot:
        await ready(pilot)
        screen = await open_picker(pilot)
        await pilot.press(*str(file))
        await until(pilot, lambda: len(screen._list.rows) == 1)
        line = str(screen._list.get_option("0").prompt)
        assert "Q8_0" in line and "llama" in line
        await tap(pilot, "enter")
        await until(pilot, lambda: current(pilot).model == str(file))
        await until(pilot, lambda: app_of(pilot).services.workspace.model)
        await say(pilot, "hello there")
        assert current(pilot).tip and current(pilot).tip.text
