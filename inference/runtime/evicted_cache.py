"""KV caches of idle sessions on their way to a disk and back, and the thread that waits for that disk."""

import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from inference.errors import CacheError
from inference.runtime.prefixes import BlockHashes, Held
from inference.transformer.kv_cache import CacheMaker, KVCache


class EvictedCache:
    """A cache that gives its memory back: held until it is written to ``file``, read from there afterwards."""

    def __init__(self, cache: KVCache, token_ids: Sequence[int], file: Path) -> None:
        self.nbytes = cache.nbytes
        held = token_ids[: cache.length]
        self.held = Held(held, BlockHashes().of(held))
        self._cache: KVCache | None = cache
        self._token_ids = token_ids
        self._file = file
        self._written = False
        self._lock = threading.Lock()

    def write(self) -> None:
        """Write the file, unless the cache was taken back before; a cache that cannot be written is dropped."""
        cache = self._cache
        if cache is None:
            return
        with contextlib.suppress(CacheError):
            cache.save(self._file, self._token_ids)
            self._written = True
        with self._lock:
            taken, self._cache = self._cache is None, None
        if taken:
            self.remove()

    def take(self, model: CacheMaker) -> tuple[KVCache, Sequence[int]] | None:
        """Return the cache and its token ids, from memory or from the file; None if it is damaged or was dropped."""
        with self._lock:
            cache, self._cache = self._cache, None
        if cache is not None:
            return cache.fork(), self._token_ids  # the writer may be reading the blocks still
        if not self._written:
            return None
        found = None
        with contextlib.suppress(CacheError):
            found = KVCache.load(self._file, model)
        self.remove()
        return found

    def remove(self) -> None:
        """Drop the cache and delete its file."""
        with self._lock:
            self._cache = None
        if self._written:
            with contextlib.suppress(OSError):  # what stays is removed with what dead processes leave
                self._file.unlink(missing_ok=True)


class CacheWriter:
    """The thread on which evicted caches are written and deleted, one after the other; it starts with the first job.

    ``limit``: bytes of memory that may wait to be written.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting = 0
        self._closing = False
        self._jobs: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """Bytes of memory that wait to be written."""
        return self._waiting

    def write(self, evicted: EvictedCache) -> None:
        """Write it soon. Where the disk does not keep up, the cache is dropped: that bounds the memory."""
        with self._lock:
            keeps_up = not self._waiting or self._waiting + evicted.nbytes <= self._limit
            self._waiting += evicted.nbytes if keeps_up else 0
        if keeps_up:
            self.put(lambda: self._write(evicted))
        else:
            evicted.remove()

    def put(self, job: Callable[[], object]) -> None:
        """Do it when all before is done."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="llm-tui-cache-writer", daemon=True)
                self._thread.start()
        self._jobs.put(job)

    def close(self) -> None:
        """End the thread after the file that it is writing: what waits is not written, what is to go is deleted."""
        self._closing = True
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()

    def _write(self, evicted: EvictedCache) -> None:
        try:
            if not self._closing:
                evicted.write()
        finally:
            with self._lock:
                self._waiting -= evicted.nbytes

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            with contextlib.suppress(BaseException):  # of one cache, which is computed again
                job()
            del job  # with the memory that it holds
