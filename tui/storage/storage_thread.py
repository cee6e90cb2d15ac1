"""The thread that waits for the database's disk, so that the interface's thread need not."""

import asyncio
import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, TypeVar

from tui.storage.rows import Record

# Seconds that the interface's thread waits for an answer, once, before it goes on without: a healthy disk takes a few
# milliseconds, and what was asked for is there before the next key.
PATIENCE = 0.05
# Seconds after which an answer that has not come is worth a word.
LONG = 1.0

T = TypeVar("T")


class StorageThread:
    """Runs jobs in the order in which they are given. To be used from the interface's thread.

    ``on_news`` is called there, too, when an answer has come late.
    """

    def __init__(self, on_news: Callable[[], object]) -> None:
        self._on_news = on_news
        self._jobs: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._unsettled: deque[tuple[Future[Any], Callable[[Future[Any]], None]]] = deque()
        self._closed = False
        self._since = 0.0  # when the job was given that all wait for
        self._thread = threading.Thread(target=self._run, name="llm-tui-storage", daemon=True)

    @property
    def late(self) -> bool:
        """True while a job is under way that was not waited for to the end."""
        return bool(self._unsettled)

    @property
    def stuck(self) -> bool:
        """True where that takes long."""
        return self.late and time.monotonic() - self._since > LONG

    def do(self, job: Callable[[], T], then: Callable[[Future[T]], None]) -> Future[T]:
        """Have the job done; ``then`` is called with its future on this thread.

        Within PATIENCE that is before this returns. While the thread is ``late``, and after that time, it is later, by
        the event loop; without a running one, this waits as long as it takes.
        """
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()  # whoever waits for it may go; the job is done
        if self._closed:
            _perform(job, future)
            then(future)
            return future
        if not self._thread.ident:
            self._thread.start()
        was_late = self.late
        if not was_late:
            self._since = time.monotonic()
        self._unsettled.append((future, then))
        self._jobs.put((future, job))
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.settle()
            return future
        if not was_late:
            wait([future], PATIENCE)
            self._deliver()
        if self.late:
            future.add_done_callback(lambda _: self._wake(loop))
        return future

    def settle(self, seconds: float | None = None) -> None:
        """Wait until all is done; at most so long."""
        futures = [future for future, _ in self._unsettled]
        while futures and not wait(futures, seconds).not_done:
            self._deliver()
            futures = [future for future, _ in self._unsettled]  # what came of it may be more to do

    def close(self) -> None:
        """End the thread after its last job. What is asked for after that is done at once."""
        self._closed = True
        self._jobs.put(None)

    def _deliver(self) -> None:
        while self._unsettled and self._unsettled[0][0].done():
            future, then = self._unsettled.popleft()
            self._since = time.monotonic()
            then(future)

    def _wake(self, loop: asyncio.AbstractEventLoop) -> None:
        with contextlib.suppress(RuntimeError):  # the program has ended meanwhile
            loop.call_soon_threadsafe(self._deliver_late)

    def _deliver_late(self) -> None:
        self._deliver()
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
