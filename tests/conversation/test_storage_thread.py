"""The storage thread: answers come at once, or later and in order; nobody waits for a disk that does not answer."""

import asyncio
from concurrent.futures import Future
from typing import Any

import pytest

from tests.held import Held
from tui.services.sessions import SessionManager
from tui.storage import rows, storage_thread
from tui.storage.cache_snapshots import Snapshots
from tui.storage.errors import OpeningError, StoreError
from tui.storage.storage_thread import StorageThread
from tui.storage.store import Store


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_thread, "PATIENCE", 0.001)


async def until(condition: Any) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


def test_without_an_event_loop_it_waits() -> None:
    storage, seen = StorageThread(lambda: None), []
    storage.do(lambda: 1, lambda future: seen.append(future.result()))
    assert seen == [1] and not storage.late
    storage.close()


async def test_a_prompt_answer_is_there_at_once() -> None:
    storage, seen = StorageThread(lambda: seen.append("news")), []
    storage.do(lambda: 1, lambda future: seen.append(future.result()))
    assert seen == [1] and not storage.late
    storage.close()


async def test_once_the_interface_is_shown_only_who_asks_waits() -> None:
    seen: list[object] = []
    storage, held = StorageThread(lambda: seen.append("news")), Held(lambda: "saved")
    storage.wait_no_more()
    storage.do(held, lambda future: seen.append(future.result()))
    assert seen == [] and storage.busy and not storage.late
    held.may_go_on.set()
    storage.ask(lambda: "asked", lambda future: seen.append(future.result()))
    assert seen == ["saved", "asked"] and not storage.busy
    storage.do(lambda: "listed", lambda future: seen.append(future.result()), is_news=True)
    await until(lambda: not storage.busy)
    assert seen == ["saved", "asked", "listed", "news"], "what was waited for, or is only saved, is no news"
    storage.close()


@pytest.mark.usefixtures("impatient")
async def test_late_answers_come_in_order_and_are_told() -> None:
    seen: list[object] = []
    storage, held = StorageThread(lambda: seen.append("news")), Held(lambda: "slow")

    def take(future: Future[str]) -> None:
        seen.append(future.result())

    storage.do(held, take)
    storage.do(lambda: "quick", take)
    assert seen == [] and storage.late
    held.may_go_on.set()
    await until(lambda: not storage.late)
    assert [each for each in seen if each != "news"] == ["slow", "quick"]
    await until(lambda: "news" in seen)
    storage.close()


@pytest.mark.usefixtures("impatient")
async def test_who_waits_may_go_and_the_job_is_done() -> None:
    storage, held = StorageThread(lambda: None), Held(lambda: None)
    future = storage.do(held, lambda future: None)
    waiting = asyncio.ensure_future(asyncio.wrap_future(future))
    await asyncio.sleep(0)
    waiting.cancel()
    held.may_go_on.set()
    await until(lambda: held.returned)
    storage.do(lambda: None, lambda future: None)
    await until(lambda: not storage.late)
    storage.close()


async def test_what_a_job_raises_is_raised_where_it_was_given() -> None:
    storage = StorageThread(lambda: None)

    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        storage.do(fail, lambda future: future.result())
    storage.close()


# ---- sessions on a disk that does not answer


@pytest.fixture
def library(tmp_path: Any) -> SessionManager:
    return SessionManager(Store(tmp_path / "s.db"), Snapshots(tmp_path / "snapshots", 0))


@pytest.mark.usefixtures("impatient")
async def test_only_the_newest_state_waits_to_be_written(
    library: SessionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(rows.write)
    monkeypatch.setattr(rows, "write", held)
    session = library.new("chat", "")
    futures = []
    for text in ("one", "two", "three", "four"):
        session.tree.add("user", text)
        futures.append(library.save(session))
        await until(held.begun.is_set)
    assert not futures[0].done() and library.unsaved
    assert [line.id for line in library.lines()] == [session.id], "it is listed as it is in memory"
    held.may_go_on.set()
    await until(lambda: not library.unsaved)
    assert held.returned == 2 and all(future.done() for future in futures)
    assert [node.text for node in Store(library.store.file).read(session.id).tree] == ["one", "two", "three", "four"]
    library.close()


@pytest.mark.usefixtures("impatient")
async def test_a_session_opens_when_it_is_read(library: SessionManager, monkeypatch: pytest.MonkeyPatch) -> None:
    session = library.new("chat", "")
    session.tree.add("user", "hello")
    library.save(session)
    library.leave(session)
    await until(lambda: not library.storage.busy)
    library.put_away(session)
    assert session not in library
    held, opened = Held(rows.read), []
    monkeypatch.setattr(rows, "read", held)
    library.on_open = lambda session_id, opened_: opened.append((session_id, opened_))
    for _ in range(2):
        with pytest.raises(OpeningError):
            library.open(session.id)
    held.may_go_on.set()
    await until(lambda: opened)
    ((session_id, again),) = opened
    assert not isinstance(again, StoreError)
    assert (session_id, again.conversation.opening, again.readonly) == (session.id, "hello", False)
    assert library.open(session.id) is again
    library.close()


@pytest.mark.usefixtures("impatient")
async def test_a_session_that_is_left_and_opened_again_before_that_was_written(
    library: SessionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = library.new("chat", "")
    session.tree.add("user", "hello")
    held = Held(rows.write)
    monkeypatch.setattr(rows, "write", held)
    library.leave(session)
    with pytest.raises(OpeningError):
        library.open(session.id)
    held.may_go_on.set()
    await until(lambda: not library.storage.busy)
    assert library.open(session.id) is session and not session.readonly
    session.tree.add("user", "more")
    library.save(session)
    await until(lambda: not library.unsaved)
    assert len(Store(library.store.file).read(session.id).tree) == 2
    library.close()


@pytest.mark.usefixtures("impatient")
async def test_the_end_waits_for_the_disk(library: SessionManager, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(rows.write)
    monkeypatch.setattr(rows, "write", held)
    session = library.new("chat", "")
    session.tree.add("user", "hello")
    library.save(session)
    await until(held.begun.is_set)
    asyncio.get_running_loop().run_in_executor(None, held.may_go_on.set)
    library.close()
    assert not library.unsaved
    assert Store(library.store.file).read(session.id).opening == "hello"
