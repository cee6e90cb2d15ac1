"""The store, for work on another thread: each call is run by the storage thread, between those of the interface."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, wait
from functools import partial
from typing import TypeVar

from tui.conversation.conversation import Conversation
from tui.storage.errors import StoreError
from tui.storage.storage_thread import StorageThread
from tui.storage.store import Store

T = TypeVar("T")
LOOK = 0.5  # seconds between looks whether the interface is still there


class StoreCalls:
    """Made on the interface's thread; every method blocks, and is for another one.

    Raises StoreError when the program ends meanwhile.
    """

    def __init__(self, store: Store, storage: StorageThread) -> None:
        self._store = store
        self._storage = storage
        self._loop = asyncio.get_running_loop()

    @property
    def trouble(self) -> str:
        """Why something is not saved; empty if all is."""
        return self._store.trouble

    def ids(self, beginning: str) -> list[str]:
        """Some of the ids that begin so."""
        return self._call(partial(self._store.ids, beginning))

    def titles(self) -> set[str]:
        """All titles as they are shown."""
        return self._call(self._store.titles)

    def read(self, session_id: str) -> Conversation:
        """The stored conversation."""
        return self._call(partial(self._store.read, session_id))

    def save(self, conversation: Conversation) -> None:
        """Write the conversation."""
        self._call(partial(self._store.save, conversation))

    def release(self, session_id: str) -> None:
        """Unlock the session for other processes."""
        self._call(partial(self._store.release, session_id))

    def _call(self, job: Callable[[], T]) -> T:
        result: Future[T] = Future()
        try:
            self._loop.call_soon_threadsafe(self._storage.do, job, partial(_pass_on, result))
            while not wait([result], LOOK).done:
                if not self._loop.is_running():
                    raise RuntimeError
        except RuntimeError:  # the loop is closed
            raise StoreError("llm-tui has ended.") from None
        return result.result()


def _pass_on(result: Future[T], done: Future[T]) -> None:
    if error := done.exception():
        result.set_exception(error)
    else:
        result.set_result(done.result())
