"""Another model or precision for a session: its conversation, its cache, and replies under way."""

import gc
import threading
import weakref
from pathlib import Path

import pytest

from tests.stubs.script import Script
from tests.tiny_model import make_tokenizer
from tests.tui.conftest import SIZE, app_of, current, idle, make_app, ready, say, shown, tap, until
from tests.tui.model_picking import choose, slow_model
from tui.screens.model_picker import ModelPicker


@pytest.mark.slow
async def test_another_model_goes_on_with_the_session_and_the_first_one_finds_its_cache_again(shelf: Path) -> None:
    async with make_app(shelf / "first", model_directories=(str(shelf),)).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello there")
        session = current(pilot)
        before = weakref.ref(app_of(pilot).services.workspace.model)
        await choose(pilot, "second")
        assert current(pilot) is session and session.model == str(shelf / "second")
        assert len(session.tree) == 2
        gc.collect()
        assert before() is None  # no two models in memory
        await choose(pilot, "first")
        await say(pilot, "and again")
        assert session.figures.reused_tokens
        await choose(pilot, "second")
        await say(pilot, "who are you?")
        assert session.figures.reused_tokens == 0
        assert len(session.tree.path()) == 6
        model = app_of(pilot).services.workspace.model
        assert model and model.path == shelf / "second"
        assert session.engine and session.engine.model is model


@pytest.mark.slow
async def test_what_one_model_wrote_is_read_as_text_by_another_of_other_tokens(real_shelf: Path) -> None:
    make_tokenizer(vocab_size=300).save(str(real_shelf / "second" / "tokenizer.json"))
    async with make_app(real_shelf / "first", model_directories=(str(real_shelf),)).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello there")
        await choose(pilot, "second")
        first = current(pilot).tip
        await say(pilot, "and again")
        second = current(pilot).tip
        assert first and first.text and second and second.text
        engine, model = current(pilot).engine, app_of(pilot).services.workspace.model
        assert engine and model
        assert first.text in model.tokenizer.decode(engine.token_ids)
        names = {line.split()[0] for line in shown(pilot) if line.strip()}
        assert {"first", "second"} <= names

        await choose(pilot, "first")
        await tap(pilot, "escape", "c")  # one begins a reply, the other ends it
        await idle(pilot)
        longer = current(pilot).tip
        assert longer and longer.text.startswith(second.text) and longer.text != second.text
        assert longer.token_ids == ()


async def test_the_models_of_chat_and_story_stay_side_by_side(shelf: Path) -> None:
    async with make_app(shelf / "first", model_directories=(str(shelf),)).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello there")
        chat = app_of(pilot).services.workspace.model
        await tap(pilot, "ctrl+t", *"Once")
        await choose(pilot, "second")
        story = app_of(pilot).services.workspace.model
        assert chat and story and chat is not story
        await tap(pilot, "ctrl+t")
        assert app_of(pilot).services.workspace.model is chat
        await tap(pilot, "ctrl+t")
        assert app_of(pilot).services.workspace.model is story


async def test_the_precision_is_the_sessions_own(shelf: Path) -> None:
    app = make_app(shelf / "first", model_directories=(str(shelf),))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        session = current(pilot)
        await choose(pilot, "first", "shift+tab", "shift+tab")
        model = app.services.workspace.model
        assert model and model.precision == "int8"
        assert session.settings["precision"] == "int8"
        assert app.main.top.model == ("first", "int8")
        await choose(pilot, "first", "tab", "tab")  # back to what the settings say
        assert "precision" not in session.settings
        await say(pilot, "again")
    async with make_app(shelf / "first").run_test(size=SIZE) as pilot:
        app_of(pilot).actions.application.open(session.id)
        assert "precision" not in current(pilot).settings
        assert len(current(pilot).tree.path()) == 4


async def test_what_auto_came_to_is_not_loaded_twice(shelf: Path) -> None:
    async with make_app(shelf / "first", model_directories=(str(shelf),)).run_test(size=SIZE) as pilot:
        await ready(pilot)
        model = app_of(pilot).services.workspace.model
        await choose(pilot, "first", "tab")
        assert current(pilot).settings["precision"] == "float32"
        assert app_of(pilot).services.workspace.model is model


async def test_loading_is_stopped_and_a_message_begins_it_again(tmp_path: Path, script: Script) -> None:
    slow, let_go = slow_model(tmp_path, script)
    app = make_app(slow)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "loading" in app.main.status.state[1])
        await tap(pilot, "escape")
        assert app.main.absent.display and "Loading cancelled" in str(app.main.absent.content)
        assert app.main.status.state[1] == "no model"
        loading = [thread for thread in threading.enumerate() if thread.name == "llm-tui-loader"]
        let_go.set()
        await until(pilot, lambda: not any(thread.is_alive() for thread in loading))
        await pilot.pause()
        assert loading and app.services.workspace.model is None  # what was stopped does not come after all
        await tap(pilot, *"hello", "enter")
        await until(pilot, lambda: app.services.workspace.model)
        await idle(pilot)
        assert [node.role for node in current(pilot).tree.path()] == ["user", "assistant"]


async def test_a_message_that_waits_is_answered_by_the_model_chosen_instead(
    shelf: Path, tmp_path: Path, script: Script
) -> None:
    slow, let_go = slow_model(tmp_path, script)
    app = make_app(slow, model_directories=(str(shelf),))
    async with app.run_test(size=SIZE) as pilot:
        await tap(pilot, *"hello", "enter")
        await until(pilot, lambda: current(pilot).state == "queued")
        await choose(pilot, "second")
        await idle(pilot)
        assert len(current(pilot).tree.path()) == 2
        let_go.set()


async def test_while_a_reply_runs_the_model_stays(talkative_model: Path, shelf: Path) -> None:
    app = make_app(talkative_model, max_tokens=None, model_directories=(str(shelf),))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await tap(pilot, *"hello", "enter")
        await until(pilot, lambda: current(pilot).state == "streaming")
        await tap(pilot, "f4")
        assert not isinstance(pilot.app.screen, ModelPicker)
        assert "Press Esc to stop" in current(pilot).notice
        await tap(pilot, "escape")
        await idle(pilot)


async def test_a_model_that_replies_in_another_session_is_not_dropped(shelf: Path, script: Script) -> None:
    script.held("one word ")
    app = make_app(shelf / "first", max_tokens=None, model_directories=(str(shelf),))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await tap(pilot, *"hello", "enter")
        await until(pilot, lambda: current(pilot).state == "streaming")
        talking, model = current(pilot), app.services.workspace.model
        await tap(pilot, "ctrl+n")
        await choose(pilot, "second")
        assert app.services.workspace.model is not model
        assert talking.state == "streaming"
        assert talking.engine and talking.engine.model is model
        app.actions.application.open(talking.id)
        await tap(pilot, "escape")
        await idle(pilot)
