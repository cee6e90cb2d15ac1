"""The models that can be chosen while the program runs: what is told of them, choosing, loading, downloading."""

import gc
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants
from textual.command import Command, CommandList
from textual.pilot import Pilot
from textual.widgets import Input

from inference.model import PRECISIONS, ModelInfo
from tests.fake_hub import FakeHub, serve
from tests.gguf_models import make_gguf
from tests.stubs.fake_engine import Script
from tests.tiny_model import CHATML, make_tiny_model, make_tokenizer
from tests.tui.conftest import SIZE, app_of, current, fake_directory, idle, make_app, ready, say, shown, tap, until
from tui.config.paths import downloads_directory
from tui.screens.command_palette import OFFERED
from tui.screens.model_picker import ModelPicker
from tui.widgets.model_list import about


@pytest.fixture
def shelf(script: Script, tmp_path: Path) -> Path:
    """A person's directory of models: two that can be used, and two that cannot. The engine is a fake one."""
    return fill(tmp_path / "mine")


@pytest.fixture
def real_shelf(tmp_path: Path) -> Path:
    """The same for the real engine."""
    return fill(tmp_path / "mine")


def fill(directory: Path) -> Path:
    make_tiny_model(directory / "first")
    make_tiny_model(directory / "second", seed=1)
    make_tiny_model(directory / "foreign", model_type="gpt2")
    (directory / "broken").mkdir()
    (directory / "broken" / "config.json").write_text("{")
    return directory


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with serve() as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield hub


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
    for name in PRECISIONS:
        if name == "auto":
            continue
        info = ModelInfo(Path("x"), "llama", 10**6, 512, 1, {"float32": 8, "bfloat16": 4, "int8": 2}, True, name)
        assert info.auto_precision(None) == (name if name in info.memory else "float32")
    large = ModelInfo(Path("x"), "llama", 10**9, 512, 1, {"float32": 8, "bfloat16": 4, "int8": 2}, True, "bfloat16")
    assert [large.auto_precision(free) for free in (8, 4, 2, 1)] == ["int8", "int8", "int8", None]
    async with make_app("story", mode="story").run_test(size=SIZE) as pilot:
        await until(pilot, lambda: app_of(pilot).services.workspace.model, 120)
        screen = await open_picker(pilot)
        model = app_of(pilot).services.workspace.model
        assert model and f"auto: {model.precision}" in told(screen)["story"]


async def test_what_does_not_fit_is_marked(shelf: Path) -> None:
    async with make_app(shelf / "first", model_directories=(str(shelf),)).run_test(size=SIZE) as pilot:
        await ready(pilot)
        screen = await open_picker(pilot)
        needed = next(row.info.memory for row in screen._list.rows if row.shown_name == "second" and row.info)
        screen._list.available = needed["int8"]
        says = told(screen)["second"]
        assert "auto: int8" in says
        assert says.count("✗") == 3 and says.count("✓") == 2
        screen._list.redraw()
        lines = [screen._list.get_option(str(index)).prompt for index in range(len(screen._list.rows))]
        assert any("second" in str(line) and "fits in int8" in str(line) for line in lines)


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
        assert app.main.top.model == "first · int8"
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


async def test_a_gguf_file_is_chosen_by_its_path(real_shelf: Path) -> None:
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
        await tap(pilot, "enter")
        await until(pilot, lambda: "Enter to resume" in told(screen)["org/large"])
        arrived = sum(path.stat().st_size for path in downloads_directory().rglob("*.part"))
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


async def palette(pilot: Pilot[None], text: str) -> list[str]:
    """What the palette offers for ``text``, best first."""
    await pilot.press("ctrl+p")
    await pilot.pause()
    await pilot.press(*text)
    await until(pilot, lambda: offered(pilot) and not pilot.app.screen.workers._workers)
    await pilot.pause(0.5)
    return offered(pilot)


def offered(pilot: Pilot[None]) -> list[str]:
    options = pilot.app.screen.query_one(CommandList).options
    return [str(option.hit.text) for option in options if isinstance(option, Command)]


async def test_the_palette_goes_to_models_and_to_sessions(shelf: Path) -> None:
    async with make_app(shelf / "first", model_directories=(str(shelf),)).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "apples and pears")
        fruit = current(pilot)
        await tap(pilot, "ctrl+n")
        await say(pilot, "rivers")
        assert await palette(pilot, "session: apples") == ["Session: apples and pears"]
        await tap(pilot, "enter", "enter")
        await until(pilot, lambda: current(pilot) is fruit)
        await until(pilot, lambda: len(pilot.app.screen_stack) == 1)
        offers = await palette(pilot, "model: mine/sec")
        assert offers[0] == f"Model: {shelf / 'second'}"
        await tap(pilot, "enter", "enter")
        await until(pilot, lambda: fruit.model == str(shelf / "second") and app_of(pilot).services.workspace.model)


async def test_the_palette_is_bounded(shelf: Path, tmp_path: Path) -> None:
    many = tmp_path / "many"
    for number in range(300):
        (many / f"model{number}").mkdir(parents=True)
        (many / f"model{number}" / "config.json").write_text("{}")
    async with make_app(shelf / "first", model_directories=(str(many),)).run_test(size=SIZE) as pilot:
        await ready(pilot)
        offers = await palette(pilot, "many/model1")
        assert len([offer for offer in offers if offer.startswith("Model: ")]) == OFFERED
