"""The disk does not answer: keys are painted and replies stream all the same, and nothing is lost when it does."""

import asyncio
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from inference import KVCache
from tests.held import Held
from tests.tui.conftest import SIZE, app_of, current, idle, make_app, ready, say, tap, until
from tui.screens import main_presenter
from tui.screens.main_presenter import MainPresenter
from tui.services import autosave, sessions
from tui.services.replies import ReplyService
from tui.storage import rows, storage_thread
from tui.storage.errors import OpeningError
from tui.storage.store import Store
from tui.widgets.composer import Composer
from tui.widgets.header import TopBar
from tui.widgets.plain_text import Plain
from tui.widgets.session_list import SessionList
from tui.widgets.status_bar import StatusBar
from tui.widgets.transcript.transcript import Transcript


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Lines of the input, each as it was painted."""
    lines: list[str] = []
    render = Composer.render_line

    def render_line(composer: Composer, y: int) -> Any:
        strip = render(composer, y)
        lines.append(strip.text.rstrip())
        return strip

    monkeypatch.setattr(Composer, "render_line", render_line)
    return lines


def hold(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> Held:
    """From now on ``name`` does not return, and nobody has the patience to wait for it."""
    held = Held(getattr(owner, name))
    monkeypatch.setattr(owner, name, held)
    monkeypatch.setattr(storage_thread, "PATIENCE", 0.001)
    return held


async def type_and_see(pilot: Pilot[None], painted: list[str], text: str) -> None:
    await tap(pilot, *text)
    await until(pilot, lambda: any(text in line for line in painted))


async def test_while_a_reply_is_saved(
    talkative_model: Path, monkeypatch: pytest.MonkeyPatch, painted: list[str]
) -> None:
    async with make_app(talkative_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await tap(pilot, *"hello", "enter")
        await until(pilot, lambda: (reply := current(pilot).reply) and reply.tokens)
        held = hold(monkeypatch, rows, "write")
        await until(pilot, held.begun.is_set)
        await type_and_see(pilot, painted, "while")
        reply = current(pilot).reply
        assert reply
        tokens = reply.tokens
        await until(pilot, lambda: reply.tokens > tokens + 20 or current(pilot).reply is None)
        assert held.returned == 0
        await until(pilot, lambda: sessions.SLOW in str(app_of(pilot).main.notice.render()))
        held.may_go_on.set()
        await tap(pilot, "escape")
        await idle(pilot)
        await until(pilot, lambda: not app_of(pilot).services.sessions.unsaved)
        await until(pilot, lambda: sessions.SLOW not in str(app_of(pilot).main.notice.render()))
        session = current(pilot)
    store = Store(app_of(pilot).services.sessions.store.file)
    assert [node.text for node in store.read(session.id).tree] == [node.text for node in session.tree]


async def test_the_engine_sees_a_question_when_it_is_on_disk(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, painted: list[str]
) -> None:
    asked: list[list[tuple[str, str]]] = []
    submit = ReplyService._submit

    def noted(*args: Any) -> Any:
        with closing(sqlite3.connect(file)) as db:
            asked.append(db.execute("SELECT role, text FROM nodes").fetchall())
        return submit(*args)

    monkeypatch.setattr(ReplyService, "_submit", noted)
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        file = app_of(pilot).services.sessions.store.file
        held = hold(monkeypatch, rows, "write")
        await tap(pilot, *"hello", "enter")
        await until(pilot, lambda: held.begun.is_set() and current(pilot).reply)
        await type_and_see(pilot, painted, "more")
        assert asked == []
        held.may_go_on.set()
        await idle(pilot)
        assert asked == [[("user", "hello"), ("assistant", "")]]
        assert [node.role for node in current(pilot).tree.path()] == ["user", "assistant"]


async def test_a_question_that_is_not_on_disk_yet_can_be_stopped(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        held = hold(monkeypatch, rows, "write")
        await tap(pilot, *"hello", "enter")
        await until(pilot, lambda: held.begun.is_set() and current(pilot).reply)
        await tap(pilot, "escape")
        await until(pilot, lambda: current(pilot).reply is None)
        assert held.returned == 0
        held.may_go_on.set()
        await until(pilot, lambda: not app_of(pilot).services.sessions.unsaved)
        assert [node.role for node in current(pilot).tree.path()] == ["user"]


async def test_while_a_session_is_read(tiny_model: Path, monkeypatch: pytest.MonkeyPatch, painted: list[str]) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        first = current(pilot)
        await pilot.press("ctrl+n")
        await say(pilot, "again")
        await until(pilot, lambda: not app_of(pilot).services.sessions.store.holds(first.id))
        held = hold(monkeypatch, rows, "read")
        app_of(pilot).actions.application.open(first.id)
        assert current(pilot).notice == str(OpeningError(first.id))
        await type_and_see(pilot, painted, "typed")
        assert held.returned == 0 and current(pilot) is not first
        held.may_go_on.set()
        await until(pilot, lambda: current(pilot) is first)
        assert not first.readonly


async def test_what_is_not_saved_is_told_before_quitting(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        held = hold(monkeypatch, rows, "write")
        await tap(pilot, *"typed")
        await until(pilot, held.begun.is_set)
        await tap(pilot, "ctrl+q")
        assert current(pilot).notice and app_of(pilot).is_running
        held.may_go_on.set()
        await until(pilot, lambda: not app_of(pilot).services.sessions.unsaved)


async def test_while_a_fork_reads_an_evicted_cache(
    real_model: Path, monkeypatch: pytest.MonkeyPatch, painted: list[str]
) -> None:
    async with make_app(real_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        source = current(pilot)
        held = Held(KVCache.load)
        monkeypatch.setattr(KVCache, "load", held)
        assert source.engine
        directory = app_of(pilot).services.sessions.snapshots.directory
        directory.mkdir(parents=True, exist_ok=True)
        source.engine.evict(directory)
        written = asyncio.Event()
        loop = asyncio.get_running_loop()
        app_of(pilot).services.models.engine.writer.put(lambda: loop.call_soon_threadsafe(written.set))
        await written.wait()
        await tap(pilot, "escape", "f")
        await until(pilot, held.begun.is_set)
        await type_and_see(pilot, painted, "more")
        assert held.returned == 0 and current(pilot) is not source
        await tap(pilot, "enter")
        held.may_go_on.set()
        await idle(pilot)
        await until(pilot, lambda: current(pilot).tip and current(pilot).tip.outcome)
        tip = current(pilot).tip
        assert tip and tip.outcome and tip.outcome.reused_tokens > 0


async def test_a_token_redraws_what_it_changes(talkative_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message and, at times, the figures; neither the list, nor the bar above, nor the notice."""
    renders: Counter[str] = Counter()

    def count(owner: type, name: str) -> None:
        method = getattr(owner, name)

        def counted(*args: Any, **others: Any) -> Any:
            renders[f"{owner.__name__}.{name}"] += 1
            return method(*args, **others)

        monkeypatch.setattr(owner, name, counted)

    monkeypatch.setattr(main_presenter, "STATUS_SECONDS", 1e9)
    monkeypatch.setattr(autosave, "AGE_TICKS", 10**9)
    for owner, name in (
        (SessionList, "list"),
        (SessionList, "render_line"),
        (TopBar, "render"),
        (StatusBar, "render"),
        (Plain, "show"),
        (MainPresenter, "refresh"),
        (Transcript, "grow"),
    ):
        count(owner, name)
    async with make_app(talkative_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await tap(pilot, *"hello", "enter")
        await until(pilot, lambda: (reply := current(pilot).reply) and reply.tokens)
        await until(pilot, lambda: renders["SessionList.render_line"])
        reply = current(pilot).reply
        assert reply
        await until(pilot, lambda: reply.tokens > 10)
        renders.clear()
        tokens = reply.tokens
        await until(pilot, lambda: reply.tokens > tokens + 50)
        seen = dict(renders)
        await tap(pilot, "escape")
        await idle(pilot)
    assert seen.pop("Transcript.grow") > 1
    assert seen == {}
