"""The disk does not answer: keys are painted and replies stream all the same, and nothing is lost when it does."""

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from inference import KVCache
from tests.held import Held
from tests.stubs.conversations import answered, save
from tests.tui import conftest
from tests.tui.conftest import SIZE, app_of, current, idle, make_app, ready, say, tap, until
from tui.actions import application
from tui.config.help_topics import facts
from tui.config.paths import config_file, shipped
from tui.conversation.conversation import Conversation
from tui.services import sessions
from tui.services.replies import ReplyService
from tui.storage import rows, storage_thread
from tui.storage.errors import OpeningError
from tui.storage.store import Store
from tui.widgets.composer import Composer


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key waits until the disk answers."""
    monkeypatch.setattr(conftest, "PATIENCE", 0.02)


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


def hold_file(monkeypatch: pytest.MonkeyPatch, method: str, file: Path) -> Held:
    """From now on this method of a Path does not return for the file."""
    usual = getattr(Path, method)
    held = Held(usual)

    def held_or_usual(path: Path, *args: Any, **others: Any) -> Any:
        return (held if path == file else usual)(path, *args, **others)

    monkeypatch.setattr(Path, method, held_or_usual)
    return held


async def stream(pilot: Pilot[None]) -> None:
    """Have a reply that goes on until it is stopped."""
    await ready(pilot)
    await tap(pilot, *"hello", "enter")
    await until(pilot, lambda: (reply := current(pilot).reply) and reply.tokens)


async def paints_and_streams(pilot: Pilot[None], painted: list[str], held: Held, text: str = "while") -> None:
    """Somebody waits for the disk; keys are painted and tokens come all the same."""
    await until(pilot, held.begun.is_set)
    await type_and_see(pilot, painted, text)
    reply = current(pilot).reply
    assert reply
    tokens = reply.tokens
    await until(pilot, lambda: reply.tokens > tokens + 20)
    assert held.returned == 0


async def test_while_a_file_is_read(
    talkative_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, painted: list[str]
) -> None:
    (tmp_path / "notes.md").write_text("a note")
    async with make_app(talkative_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await stream(pilot)
        held = hold_file(monkeypatch, "open", tmp_path / "notes.md")
        app_of(pilot).commands.send(f"/file {tmp_path / 'notes.md'}\n")
        await paints_and_streams(pilot, painted, held)
        held.may_go_on.set()
        composer = app_of(pilot).main.composer
        await until(pilot, lambda: composer.whole == "notes.md:\n```\na note\n```\nwhile")


async def test_a_file_that_is_read_after_its_session_was_left_is_in_its_draft(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes.md").write_text("a note")
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        session = current(pilot)
        held = hold_file(monkeypatch, "open", tmp_path / "notes.md")
        app_of(pilot).commands.send(f"/file {tmp_path / 'notes.md'}\nWhat is this?")
        await until(pilot, held.begun.is_set)
        app_of(pilot).actions.do("new_session")
        assert current(pilot) is not session
        held.may_go_on.set()
        await until(pilot, lambda: session.draft == "notes.md:\n```\na note\n```\nWhat is this?")
        assert app_of(pilot).main.composer.whole == ""


async def test_while_a_message_is_saved_to_a_file(
    talkative_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, painted: list[str]
) -> None:
    async with make_app(talkative_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await stream(pilot)
        held = hold_file(monkeypatch, "open", tmp_path / "message.md")
        app_of(pilot).commands.send(f"/save-message {tmp_path / 'message.md'}")
        await paints_and_streams(pilot, painted, held)
        held.may_go_on.set()
        await until(pilot, lambda: "Saved to" in current(pilot).notice)
        assert (tmp_path / "message.md").read_text()


async def test_while_a_theme_is_kept(
    talkative_model: Path, monkeypatch: pytest.MonkeyPatch, painted: list[str]
) -> None:
    async with make_app(talkative_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await stream(pilot)
        held = hold(monkeypatch, os, "fsync")
        app_of(pilot).appearance.keep("light")
        assert app_of(pilot).theme == "light"
        await paints_and_streams(pilot, painted, held)
        held.may_go_on.set()
        await until(pilot, lambda: config_file().exists() and 'theme = "light"' in config_file().read_text())


async def test_while_the_settings_are_looked_at(
    talkative_model: Path, monkeypatch: pytest.MonkeyPatch, painted: list[str]
) -> None:
    config_file().parent.mkdir(parents=True, exist_ok=True)
    config_file().write_text("")
    async with make_app(talkative_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await stream(pilot)
        held = hold_file(monkeypatch, "stat", config_file())
        await paints_and_streams(pilot, painted, held)  # it is looked at every two seconds
        held.may_go_on.set()
        await until(pilot, lambda: held.returned)


async def test_while_the_topics_of_f1_are_read(
    talkative_model: Path, monkeypatch: pytest.MonkeyPatch, painted: list[str]
) -> None:
    facts.cache_clear()
    held = hold_file(monkeypatch, "read_text", shipped("models") / "recipes" / "guide" / "facts.toml")
    async with make_app(talkative_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await stream(pilot)
        await paints_and_streams(pilot, painted, held)
        held.may_go_on.set()
        await until(pilot, lambda: held.returned)


async def test_while_the_trace_of_a_reply_is_written(
    talkative_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, painted: list[str]
) -> None:
    monkeypatch.setenv("LLM_TUI_TRACE", str(tmp_path / "trace.jsonl"))
    async with make_app(talkative_model, max_tokens=None).run_test(size=SIZE) as pilot:
        held = hold_file(monkeypatch, "open", tmp_path / "trace.jsonl")
        await stream(pilot)
        await tap(pilot, "escape")
        await idle(pilot)
        await stream(pilot)
        await paints_and_streams(pilot, painted, held)
        held.may_go_on.set()
        await until(pilot, lambda: held.returned and (tmp_path / "trace.jsonl").read_text())


async def test_saving_is_not_waited_for(
    talkative_model: Path, monkeypatch: pytest.MonkeyPatch, painted: list[str]
) -> None:
    """However patient the program is: PATIENCE is a minute in tests."""
    async with make_app(talkative_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await stream(pilot)
        held = Held(rows.write)
        monkeypatch.setattr(rows, "write", held)
        await paints_and_streams(pilot, painted, held)
        held.may_go_on.set()
        await tap(pilot, "escape")
        await idle(pilot)
        await tap(pilot, "ctrl+q")
        await until(pilot, lambda: not app_of(pilot).is_running)
    session = app_of(pilot).services.workspace.current
    stored = Store(app_of(pilot).services.sessions.store.file).read(session.id)
    assert ([node.text for node in stored.tree], stored.draft) == ([node.text for node in session.tree], "while")


async def test_while_a_reply_is_saved(
    talkative_model: Path, monkeypatch: pytest.MonkeyPatch, painted: list[str]
) -> None:
    async with make_app(talkative_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await stream(pilot)
        held = hold(monkeypatch, rows, "write")
        await paints_and_streams(pilot, painted, held)
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
        monkeypatch.setattr(storage_thread, "LONG", 0.001)
        await tap(pilot, "ctrl+q")
        await until(pilot, lambda: current(pilot).notice == application.UNSAVED)
        assert app_of(pilot).is_running
        held.may_go_on.set()
        await until(pilot, lambda: not app_of(pilot).services.sessions.unsaved)


async def test_quitting_waits_for_what_is_saved_meanwhile(
    talkative_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage_thread, "LONG", 60)
    async with make_app(talkative_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await stream(pilot)
        held = hold(monkeypatch, rows, "write")
        await tap(pilot, *"typed")
        await until(pilot, held.begun.is_set)
        await tap(pilot, "ctrl+q")
        await tap(pilot, "escape")
        await until(pilot, lambda: current(pilot).reply is None)
        assert current(pilot).notice != application.UNSAVED and app_of(pilot).is_running
        held.may_go_on.set()
        await until(pilot, lambda: not app_of(pilot).is_running)


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


async def test_a_search_goes_on_without_what_is_not_saved_yet(
    talkative_model: Path, monkeypatch: pytest.MonkeyPatch, painted: list[str]
) -> None:
    conversation = Conversation(title="Weather")
    answered(conversation, "How is the weather?", "The sun shines.")
    save(conversation)
    async with make_app(talkative_model, mode="chat", max_tokens=None).run_test(size=SIZE) as pilot:
        await stream(pilot)
        held = hold(monkeypatch, rows, "write")
        await until(pilot, held.begun.is_set)
        await tap(pilot, "f3", *"shines")
        await until(pilot, lambda: str(app_of(pilot).screen.query_one("#search-note").render()) == "1 result")
        assert held.returned == 0
        held.may_go_on.set()
        await tap(pilot, "escape", "escape")
        await idle(pilot)
