"""Whatever is raised while a reply is asked for or a model loaded: it is said, and all else goes on."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from inference import InferenceError, Model
from tests.commit_params import first_of
from tests.stubs.fake_engine import FakeGeneration
from tests.stubs.fake_tokenizer import Template
from tests.tui.conftest import SIZE, app_of, current, make_app, ready, say, until
from tui.actions.application import UNSAVED
from tui.process.in_thread import in_thread
from tui.storage import database
from tui.storage.store import Store


class Panic(BaseException):
    """As pyo3 raises a panic of a library in Rust: no Exception."""


RAISED = (StopIteration(), MemoryError(), SystemExit(3), KeyError("x"), StopAsyncIteration(), GeneratorExit(), Panic())


def raising(error: BaseException) -> Any:
    def fail(*args: Any, **others: Any) -> Any:
        raise error

    return fail


async def test_what_a_thread_returns_comes_back() -> None:
    assert await in_thread(divmod, 7, 2) == (3, 1)
    assert await in_thread(sorted, [1, 2], reverse=True) == [2, 1]


@pytest.mark.parametrize("error", RAISED, ids=repr)
async def test_what_a_thread_raises_comes_out_as_an_exception(error: BaseException) -> None:
    with pytest.raises(Exception) as raised:
        await in_thread(raising(error))
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        assert raised.value is error
    else:
        assert type(raised.value) is RuntimeError
        assert raised.value.__cause__ is error


@pytest.mark.parametrize("error", first_of(RAISED, 3), ids=repr)
async def test_a_reply_that_cannot_be_asked_for_says_so_and_the_next_one_comes(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        with monkeypatch.context() as patch:
            patch.setattr(Template, "encode", raising(error))
            await say(pilot, "hello")
            told = "ot enough memory" if isinstance(error, MemoryError) else type(error).__name__
            assert told in current(pilot).notice
            await until(pilot, lambda: not app_of(pilot).services.replies.turn.locked())  # the context is counted
        await say(pilot, "and now")
        assert [node.role for node in current(pilot).tree.path()][-1] == "assistant"


async def test_ids_that_the_tokenizer_cannot_tell_are_not_kept(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        monkeypatch.setattr(FakeGeneration, "token_ids", property(raising(InferenceError("it cannot tell"))))
        await say(pilot, "hello")
        reply = current(pilot).tip
        assert reply and reply.role == "assistant" and reply.text
        assert reply.token_ids == ()


@pytest.mark.parametrize("error", first_of(RAISED, 3), ids=repr)
async def test_a_model_that_cannot_be_loaded_says_so(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    monkeypatch.setattr(Model, "load", raising(error))
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        models = app_of(pilot).services.models
        await until(pilot, lambda: models.state(current(pilot)).failed)
        told = "ot enough memory" if isinstance(error, MemoryError) else type(error).__name__
        assert told in models.state(current(pilot)).failed


async def test_a_database_that_becomes_read_only_is_told_and_nothing_is_lost(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        app, store = app_of(pilot), app_of(pilot).services.sessions.store
        with monkeypatch.context() as patch:
            opened = database._open
            patch.setattr(database, "_open", lambda file, query: opened(file, query.replace("mode=rw", "mode=ro")))
            assert store._db is not None
            store._db.execute("PRAGMA query_only = ON")  # as when the file system was mounted anew, to be read alone
            await say(pilot, "and now")
            await until(pilot, lambda: str(store.file) in str(app.main.notice.render()))
            assert app.services.sessions.unsaved
            with closing(sqlite3.connect(store.file)) as db:
                assert ("and now",) not in db.execute("SELECT text FROM nodes").fetchall()
            await pilot.press(*"typed", "ctrl+q")
            await until(pilot, lambda: current(pilot).notice == UNSAVED)
            assert app.is_running
        await until(pilot, lambda: not app.services.sessions.unsaved)
        await until(pilot, lambda: str(store.file) not in str(app.main.notice.render()))
        session = current(pilot)
    texts = [node.text for node in Store(store.file).read(session.id).tree.path()]
    assert texts == [node.text for node in session.tree.path()] and "and now" in texts
