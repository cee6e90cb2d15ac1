"""The thread that waits for the database's disk, so that the interface's thread need not."""

import asyncio
import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, NamedTuple, TypeVar

from tui.storage.rows import Record

# Seconds within which a healthy disk answers. So long ``ask`` waits; an answer that takes longer is late.
PATIENCE = 0.05
# Seconds after which an answer that has not come is worth a word.
LONG = 1.0

T = TypeVar("T")


class _Job(NamedTuple):
    future: Future[Any]
    then: Callable[[Future[Any]], None]
    is_news: bool


class StorageThread:
    """Runs jobs in the order in which they are given. To be used from the interface's thread.

    ``on_news`` is called there, too, when an answer that is to be shown has come, or any answer late.
    """

    def __init__(self, on_news: Callable[[], object]) -> None:
        self._on_news = on_news
        self._jobs: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._unsettled: deque[_Job] = deque()
        self._waits = True
        self._closed = False
        self._since = 0.0  # when the job was given that all wait for
        self._thread = threading.Thread(target=self._run, name="llm-tui-storage", daemon=True)

    @property
    def busy(self) -> bool:
        """True while a job is under way."""
        return bool(self._unsettled)

    @property
    def late(self) -> bool:
        """True while a job takes longer than a healthy disk does."""
        return self.busy and time.monotonic() - self._since > PATIENCE

    @property
    def stuck(self) -> bool:
        """True while a job takes so long that the user should be told."""
        return self.busy and time.monotonic() - self._since > LONG

    def wait_no_more(self) -> None:
        """Let ``do`` return at once from now on: the interface is shown."""
        self._waits = False

    def do(self, job: Callable[[], T], then: Callable[[Future[T]], None], is_news: bool = False) -> Future[T]:
        """Have the job done; the event loop calls ``then`` with its future.

        Before ``wait_no_more`` this waits as ``ask`` does.
        """
        future = self._give(job, then, is_news)
        return self._wait_for(future) if self._waits else future

    def ask(self, job: Callable[[], T], then: Callable[[Future[T]], None]) -> Future[T]:
        """Have the job done, and wait for it, up to PATIENCE, unless others are late.

        ``then`` is called with its future before this returns, or later by the event loop; without a running one, this
        waits as long as it takes.
        """
        return self._wait_for(self._give(job, then, is_news=True))

    def _give(self, job: Callable[[], T], then: Callable[[Future[T]], None], is_news: bool) -> Future[T]:
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()  # whoever waits for it may go; the job is done
        if self._closed:
            _perform(job, future)
            then(future)
            return future
        if not self._thread.ident:
            self._thread.start()
        if not self.busy:
            self._since = time.monotonic()
        self._unsettled.append(_Job(future, then, is_news))
        self._jobs.put((future, job))
        with contextlib.suppress(RuntimeError):  # none is running
            loop = asyncio.get_running_loop()
            future.add_done_callback(lambda _: self._wake(loop))
        return future

    def _wait_for(self, future: Future[T]) -> Future[T]:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self.settle()
            return future
        if not self.late:
            wait([future], PATIENCE)
            self._deliver()
        return future

    def settle(self, seconds: float | None = None) -> None:
        """Wait until all is done; at most so long."""
        futures = [each.future for each in self._unsettled]
        while futures and not wait(futures, seconds).not_done:
            self._deliver()
            futures = [each.future for each in self._unsettled]  # what came of it may be more to do

    def close(self) -> None:
        """End the thread after its last job. What is asked for after that is done at once."""
        self._closed = True
        self._jobs.put(None)

    def _deliver(self) -> bool:
        """Call ``then`` for what is done; True if something of it is news."""
        news = False
        while self._unsettled and self._unsettled[0].future.done():
            news |= self._unsettled[0].is_news or self.late
            done = self._unsettled.popleft()
            self._since = time.monotonic()
            done.then(done.future)
        return news

    def _wake(self, loop: asyncio.AbstractEventLoop) -> None:
        with contextlib.suppress(RuntimeError):  # the program has ended meanwhile
            loop.call_soon_threadsafe(self._deliver_later)

    def _deliver_later(self) -> None:
        if self._deliver():
            self._on_news()

    def _run(self) -> None:
        while (item := self._jobs.get()) is not None:
            future, job = item
            _perform(job, future)
            del item, future, job


def _perform(job: Callable[[], T], future: Future[T]) -> None:
    try:
        future.set_result(job())
    except BaseException as error:
        future.set_exception(error)


class Unwritten:
    """The newest state of a session that waits to be written: on a slow disk those before it need not be."""

    def __init__(self, record: Record) -> None:
        self._record = [record]

    def replace(self, record: Record) -> bool:
        """False where the writing has begun."""
        try:
            self._record[0] = record
        except IndexError:
            return False
        return True

    def take(self) -> Record:
        """On the storage thread: what is to be written now."""
        return self._record.pop()
