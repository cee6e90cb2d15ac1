"""The real application on a fake engine, driven without a terminal.

The names of the models are those of tests/conftest.py; ``real_model`` is for what only the real engine can show.
"""

import asyncio
import inspect
import json
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import pytest
import textual.app
import textual.pilot
from textual import events
from textual._context import active_app
from textual.app import App
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.message_pump import MessagePump
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

import tui.app
from inference import SamplingParams
from inference.runtime import scheduler
from tests.stubs.fake_engine import FakeCache, FakeEngine, loader
from tests.stubs.script import Script, endless
from tests.tiny_model import make_tiny_model
from tui.app import LlmTui
from tui.config.settings import load_settings
from tui.conversation.conversation import Mode
from tui.process.in_thread import FILES
from tui.screens.command_palette import PaletteScreen
from tui.screens.theme_picker import ThemePicker
from tui.services.session import Session
from tui.terminal.input_queue import RUN
from tui.terminal.typed_area import TypedArea

SIZE = (100, 30)
QUIET = 2  # rounds without a message are the end of what was done
PATIENCE = 1.0  # seconds are waited for that at most


class Dispatching:
    """Counts the messages that each widget was given, and those that it is in the middle of."""

    begun: ClassVar = WeakKeyDictionary[MessagePump, int]()
    ended: ClassVar = WeakKeyDictionary[MessagePump, int]()
    now = 0

    def __init__(self, method: Callable[..., Coroutine[Any, Any, None]]) -> None:
        self.method = method

    def __get__(self, pump: MessagePump, owner: type) -> Callable[..., Coroutine[Any, Any, None]]:
        """Bind to the widget, as a function would."""

        async def counted(*args: Any) -> None:
            self.begun[pump] = self.begun.get(pump, 0) + 1
            Dispatching.now += 1
            try:
                await self.method(pump, *args)
            finally:
                self.ended[pump] = self.ended.get(pump, 0) + 1
                Dispatching.now -= 1

        return counted


async def settled(min_sleep: float = 0, max_sleep: float = 0) -> None:
    """Wait until nobody in the app has a message left, or waits for a disk.

    In place of Textual's own, which waits until the process takes little time: 40 ms for each key, and up to two
    seconds while anything else is computed.
    """
    app, quiet, end = active_app.get(), 0, time.monotonic() + PATIENCE
    while quiet < QUIET and time.monotonic() < end and app._exception is None and app.screen_stack:
        for _ in range(3):  # what came from other threads is put into a queue now
            await asyncio.sleep(0)
        waits = Dispatching.now > 0 or any(worker.group == FILES and not worker.is_finished for worker in app.workers)
        if isinstance(app, LlmTui):
            waits |= app.services.sessions.storage.busy
        if waits:
            await asyncio.sleep(0.002)
        if waits or any(pump.message_queue_size for pump in pumps(app)):
            quiet = 0
        else:
            quiet += 1
            app.screen._on_timer_update()  # what has changed is painted


def pumps(app: App[Any]) -> Iterator[MessagePump]:
    """All that can have a message."""
    yield app
    for screen in app.screen_stack:
        yield from screen.walk_children(with_self=True)


async def screen_settled(pilot: Pilot[Any], timeout: float = 30) -> bool:
    """Wait until every widget has done with what it has now, in place of Textual's own, which sends each a message."""
    app, end, dispatching = pilot.app, time.monotonic() + timeout, Dispatching
    if not app.screen_stack:
        return False
    left = {pump: dispatching.begun.get(pump, 0) + pump.message_queue_size for pump in pumps(app)}
    while left and time.monotonic() < end and app._exception is None:
        await asyncio.sleep(0)
        left = {
            pump: last
            for pump, last in left.items()
            if (ended := dispatching.ended.get(pump, 0)) < last
            and (pump.message_queue_size or ended < dispatching.begun.get(pump, 0))
        }
    return app._exception is None


press_one_by_one = App._press_keys


async def press_keys(app: App[Any], keys: Iterable[str]) -> None:
    """Press keys; those that type into a field come as one text, as they do when a terminal has several at once.

    In place of Textual's own, which draws the screen for each letter.
    """
    left = list(keys)
    while left:
        text = "".join(takewhile(lambda key: len(key) == 1 and key.isprintable(), left)) if takes_runs(app) else ""
        if len(text) > 1 and app._driver is not None:
            app._driver.send_message(events.Key(RUN, text))
            await settled()
            del left[: len(text)]
        else:
            await press_one_by_one(app, [left.pop(0)])


def takes_runs(app: App[Any]) -> bool:
    """Letters are inserted where the focus is, and mean nothing else."""
    return isinstance(app.focused, Input) or (isinstance(app.focused, TypedArea) and app.focused.takes_runs)


textual.app.wait_for_idle = textual.pilot.wait_for_idle = settled
App._press_keys = press_keys  # type: ignore[method-assign]
Pilot._wait_for_screen = screen_settled  # type: ignore[method-assign]
for name in ("_dispatch_message", "_flush_next_callbacks"):
    setattr(MessagePump, name, Dispatching(getattr(MessagePump, name)))


class NoCollector:
    """In place of collections of everything while nothing happens: the objects of hundreds of tests are too many."""

    def look(self) -> None:
        """Collect nothing; tests that need it call the collector themselves."""

    after_frame = look


tui.app.IdleCollector = NoCollector  # type: ignore[misc,assignment]
tui.app.often = lambda: None  # type: ignore[assignment]


class Parsing:
    """Parses each style sheet once, in place of once per app: two fifths of what it takes to start one."""

    known: ClassVar[dict[object, list[RuleSet]]] = {}

    def __init__(self, method: Callable[..., list[RuleSet]]) -> None:
        self.method = method

    def __get__(self, sheet: Stylesheet, owner: type) -> Callable[..., list[RuleSet]]:
        """Bind to the style sheet, as a function would."""

        def parsed(css: str, *args: Any, **options: Any) -> list[RuleSet]:
            key = (frozenset(sheet._variables.items()), css, args, *sorted(options.items()))
            if key not in self.known:
                self.known[key] = self.method(sheet, css, *args, **options)
            return self.known[key]

        return parsed


Stylesheet._parse_rules = Parsing(Stylesheet._parse_rules)  # type: ignore[method-assign,assignment]


@pytest.fixture(autouse=True)
def nothing_is_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a slow machine, which rests while a test goes on, would generate what a faster one does not."""
    monkeypatch.setattr("tui.services.next_version.IDLE_SECONDS", 3600)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """What the fake engine replies; with it, models are fake ones."""
    script = Script()
    monkeypatch.setattr("inference.Engine", FakeEngine)
    monkeypatch.setattr("inference.model.Model.load", loader(script))
    monkeypatch.setattr("inference.transformer.kv_cache.KVCache.load", FakeCache.load)
    return script


def fake_directory(directory: Path, context: int = 512, chats: bool = True) -> Path:
    """What a fake model is loaded from."""
    directory.mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps({"model_type": "llama", "max_position_embeddings": context}))
    (directory / "tokenizer_config.json").write_text(json.dumps({"chat_template": "fake"} if chats else {}))
    return directory


@pytest.fixture
def tiny_model(script: Script, tmp_path: Path) -> Path:
    """Answers every message with the same sentence, unless ``script`` has something else for it."""
    return fake_directory(tmp_path / "models" / "tiny")


@pytest.fixture
def story_only_model(script: Script, tmp_path: Path) -> Path:
    """The same model without a chat template: it can only continue text."""
    return fake_directory(tmp_path / "models" / "tiny-story", chats=False)


@pytest.fixture
def talkative_model(script: Script, tmp_path: Path) -> Path:
    """One whose replies go on until they are stopped."""
    script.usual = endless
    return fake_directory(tmp_path / "models" / "talkative", context=4096)


@pytest.fixture(scope="session")
def real_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model for the real engine."""
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def no_drafts(monkeypatch: pytest.MonkeyPatch) -> None:
    """One row is computed for each token, so that they can be counted."""
    monkeypatch.setattr(scheduler, "DRAFTS", 0)


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


def make_app(model: Path | str, max_tokens: int | None = 12, mode: Mode | None = None, **flags: Any) -> LlmTui:
    """Greedy, so that the same words give the same reply."""
    settings = load_settings(model=str(model), **flags)
    return LlmTui(settings, params=SamplingParams(temperature=0, max_tokens=max_tokens), mode=mode)


async def until(pilot: Pilot[None], condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait for something the engine or the screen does by itself."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"it did not happen within {seconds:g} s: {source(condition)}")
        await asyncio.sleep(0.01)


def source(condition: Callable[[], object]) -> str:
    """The condition as it stands in the test."""
    lines = inspect.getsource(condition).strip()
    return " ".join(lines.removeprefix("await ").split())


async def tap(pilot: Pilot[None], *keys: str) -> None:
    """Press keys while the model works."""
    await pilot.press(*keys)


def app_of(pilot: Pilot[None]) -> LlmTui:
    assert isinstance(pilot.app, LlmTui)
    return pilot.app


def current(pilot: Pilot[None]) -> Session:
    return app_of(pilot).services.workspace.current


async def ready(pilot: Pilot[None]) -> None:
    """The model is loaded."""
    await until(pilot, lambda: app_of(pilot).main.status.context)


async def idle(pilot: Pilot[None]) -> None:
    """No reply is on its way in the session that is open, and none has ended just now: Esc means what it says."""
    await until(pilot, lambda: current(pilot).reply is None)
    current(pilot).ended = 0.0
    await pilot.pause()


async def say(pilot: Pilot[None], text: str) -> None:
    """Type a message, send it, wait for the reply."""
    await pilot.press(*text)
    before = len(current(pilot).tree)
    await tap(pilot, "enter")
    await until(pilot, lambda: len(current(pilot).tree) > before)
    await idle(pilot)


def shown(pilot: Pilot[None]) -> list[str]:
    """What the transcript shows, line by line."""
    transcript = app_of(pilot).main.transcript
    return [transcript.render_line(y).text.rstrip() for y in range(transcript.size.height)]


def wrong_in_dialog(pilot: Pilot[None]) -> str:
    """What a dialog that asks again says is wrong."""
    errors = app_of(pilot).screen.query("#ask-error")
    return str(errors.only_one(Static).content) if errors else ""


@pytest.fixture
def config_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration directory of a person who has none of their own yet."""
    for kind in ("CONFIG", "DATA", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path))
    monkeypatch.delenv("NO_COLOR", raising=False)
    directory = tmp_path / "llm-tui"
    (directory / "themes").mkdir(parents=True)
    return directory


def shown_background(pilot: Pilot[None]) -> str:
    return app_of(pilot).main.styles.background.hex.lower()


async def open_picker(pilot: Pilot[None]) -> OptionList:
    await pilot.press("ctrl+p")
    assert isinstance(app_of(pilot).screen, PaletteScreen)
    await pilot.press(*"themes", "enter")
    await until(pilot, lambda: isinstance(app_of(pilot).screen, ThemePicker))
    await pilot.pause()
    return app_of(pilot).screen.query_one(OptionList)
