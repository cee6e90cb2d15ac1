"""The worker thread: admits requests, runs the steps that the scheduler decides on, ends what was cancelled."""

import contextlib
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from inference.errors import CacheError, InferenceError, MemoryLimitError, explained
from inference.model import Model
from inference.runtime.activity import Activity, CacheMemory
from inference.runtime.evicted_cache import CacheWriter
from inference.runtime.generation import Generation
from inference.runtime.pace import Pace
from inference.runtime.prefixes import longest_prefix
from inference.runtime.request import Request, TokenSequence
from inference.runtime.sampling_params import SamplingParams
from inference.runtime.scheduler import Step, plan, readers
from inference.runtime.scoring import Scoring
from inference.runtime.session import Session
from inference.runtime.snapshot_index import SnapshotIndex
from inference.runtime.thoughts import Thoughts
from inference.system.memory import available_memory
from inference.text.common_prefix import common_prefix
from inference.transformer.kv_cache import KVCache

# How much nicer than the interface the computing is to others.
NICENESS = 5
# Caches that may wait for a slow disk, in bytes, where the budget for idle ones is less than that.
WAITING_BYTES = 2**28
# Tokens of a prompt that are rather read from a disk than computed.
WORTH_READING = 64
NO_ROOM = "There is no memory for more than {length} tokens. Close other programs, or lower the context limit."

R = TypeVar("R", bound=Request)


class _CancelledMidway(Exception):
    """Raised between two layers to abandon a cancelled pass."""


class Engine:
    """Owns the one thread that calls ``Model.forward_batch``. Several models may live in it, many sessions in each.

    The caches of idle sessions together take at most ``cache_budget`` bytes (None: a quarter of the memory that is free
    now). Beyond that the least recently used go to snapshots in ``snapshot_dir`` and come back when they are needed;
    without a directory they are computed again. They also go when a conversation needs more memory than is free. What
    a saved cache in that directory holds is not computed again by a new session either.
    ``writer`` waits for the disk; the engine's thread never does.
    """

    def __init__(
        self, model: Model | None = None, cache_budget: int | None = None, snapshot_dir: str | Path | None = None
    ) -> None:
        self.model = model
        self._cache_budget = cache_budget if cache_budget is not None else (available_memory() or 2**32) // 4
        self._snapshot_dir = None if snapshot_dir is None else Path(snapshot_dir)
        self._snapshots = None if snapshot_dir is None else SnapshotIndex(Path(snapshot_dir))
        self.writer = CacheWriter(max(self._cache_budget, WAITING_BYTES))
        self.activity = Activity()
        self._pace = Pace()
        self._sessions: weakref.WeakSet[Session] = weakref.WeakSet()
        self._active: list[Request] = []
        self._change = threading.Condition()
        self._closing = False
        self._thread = self._started()

    def __enter__(self) -> "Engine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def new_session(
        self,
        model: Model | None = None,
        cache: KVCache | None = None,
        token_ids: Sequence[int] = (),
        on_disk: bool = True,
    ) -> Session:
        """A session on ``model`` (None: the engine's). ``cache`` with its ``token_ids`` restores or forks one.

        Without ``on_disk``, its cache is computed again once evicted, instead of written to a snapshot.
        Raises CacheError if the cache is another model's or longer than the ids.
        """
        model = model or self.model
        if model is None:
            raise InferenceError("The engine has no model: load one and pass it.")
        if cache is not None and cache.fingerprint != model.fingerprint:
            raise CacheError("The cache belongs to another model.")
        session = Session(self, model, cache if cache is not None else model.new_cache(), token_ids, on_disk)
        with self._change:
            self._sessions.add(session)
        return session

    def submit(
        self,
        session: Session,
        prompt_ids: list[int],
        params: SamplingParams,
        thoughts: Thoughts,
        drafts: Sequence[Sequence[int]],
    ) -> Generation:
        """Queue a reply; called by the session, as ``score`` is. Raises BusyError if it has a request already."""
        return self._queue(
            session,
            prompt_ids,
            lambda ahead, watched: Generation(session, prompt_ids, params, ahead, watched, thoughts, drafts),
        )

    def score(self, session: Session, token_ids: list[int], start: int, likeliest: int) -> Scoring:
        """Queue a scoring of the ids from ``start`` on."""
        return self._queue(
            session, token_ids, lambda ahead, watched: Scoring(session, token_ids, start, likeliest, ahead, watched)
        )

    def _queue(self, session: Session, prompt_ids: list[int], make: Callable[[int, Callable[[], bool]], R]) -> R:
        """Queue what ``make`` makes of the number of requests ahead. May read the session's cache from a disk."""
        with self._change:
            self._check_open()
            if not self._thread.is_alive():
                self._active.clear()  # those that waited for it have been told
                self._thread = self._started()
            ahead = len(self._active)
            request = make(ahead, self._thread.is_alive)
            session.occupy(request)  # from now on its cache stays in memory, once it is there
        try:
            session.load_cache()
            self._bring_back(session, prompt_ids)
            with self._change:
                self._check_open()
                self._active.append(request)
                self._change.notify()
        except BaseException as error:  # or the session would be busy for ever
            request.fail(explained(error))
            raise
        return request

    @property
    def cache_memory(self) -> CacheMemory:
        """What the caches take now."""
        with self._change:
            sessions = list(self._sessions)
        idle = sum(session.resident_bytes for session in sessions if session.idle)
        busy = sum(session.resident_bytes for session in sessions if not session.idle)
        return CacheMemory(busy, idle, self.writer.waiting)

    def close(self) -> None:
        """Cancel everything under way and end the thread; harmless the second time."""
        with self._change:
            self._closing = True
            for request in self._active:
                request.cancel()
            self._change.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()
            self.writer.close()

    def _check_open(self) -> None:
        if self._closing:
            raise InferenceError("The engine is closed.")

    def _started(self) -> threading.Thread:
        thread = threading.Thread(target=self._run, name="llm-tui-engine", daemon=True)
        thread.start()
        return thread

    def _run(self) -> None:
        _be_nice()
        turn = 0
        while True:
            with self._change:
                self._active = [request for request in self._active if not request.done]
                self._change.wait_for(lambda: self._active or self._closing)
                if not self._active:
                    return
                active = list(self._active)
            with _failing(active):
                self._advance(active, turn)
            turn += 1
            del active  # drop references so that unused models can be freed while idle

    def _advance(self, active: list[Request], turn: int) -> None:
        """End what was cancelled, admit what there is room for, in order of arrival, and take one step."""
        waits = False
        for request in active:
            with _failing([request]):
                if request.cancelled:
                    request.finish("cancelled")
                elif not (waits := waits or not (request.admitted or self._has_room(request, active))):
                    request.admit()
        running = [request for request in active if request.admitted and not request.done]
        for request in readers(running):
            with _failing([request]):
                request.reuse(s for s in self._others(request.session) if s.resident_bytes)
        if running := [request for request in running if not request.done]:
            self._step(plan(running, turn, self._pace.piece))
        if any(request.done for request in active):
            with _failing([]):  # nobody's reply depends on it
                self._evict()

    def _others(self, session: TokenSequence) -> list[Session]:
        """The sessions whose caches this one could go on from."""
        with self._change:
            sessions = list(self._sessions)
        return [other for other in sessions if other is not session and other.fits(session)]

    def _bring_back(self, session: Session, prompt_ids: list[int]) -> None:
        """Read a cache from a disk, if that holds much more of the prompt than those in memory.

        It is the evicted one of another session, or for a session that has none yet, a saved one.
        """
        others = self._others(session)
        evicted = [(other, cache.held) for other in others if (cache := other.evicted) is not None]
        other, length = longest_prefix(evicted, prompt_ids)
        file, saved = None, 0
        if self._snapshots is not None and not session.cache.length:
            file, saved = self._snapshots.longest(session.model.fingerprint, prompt_ids)
        if max(length, saved) < WORTH_READING:
            return
        here = max(common_prefix(each.token_ids[: each.cache.length], prompt_ids) for each in [session, *others])
        if max(length, saved) < here + WORTH_READING:
            return
        if other is not None and length >= saved:
            other.load_cache()
        elif file is not None:
            session.restore(file)

    def _evict(self) -> None:
        """Keep the idle caches within their budget; those in use are no part of it."""
        self._free(sum(session.resident_bytes for session in self._idle()) - self._cache_budget)

    def _idle(self) -> list[Session]:
        """Return the idle sessions with a cache in memory, the least recently used first."""
        with self._change:
            sessions = list(self._sessions)
        return sorted((s for s in sessions if s.idle and s.resident_bytes), key=lambda s: s.last_used)

    def _free(self, size: int) -> int:
        """Evict idle caches until ``size`` bytes are freed; returns how many are still missing."""
        for session in self._idle() if size > 0 else []:
            if size <= 0:
                break
            size -= session.resident_bytes
            session.evict(self._snapshot_dir if session.on_disk else None)
        return size

    def _has_room(self, request: Request, active: Sequence[Request]) -> bool:
        """Tell whether the memory that it may need is free, beside what was promised to others; idle caches go for it.

        Alone, it is given what there is.
        """
        running = [other for other in active if other.admitted and not other.done]
        if not running or (available := available_memory()) is None:
            return True
        promised = 0
        for each in [*running, request]:
            cache = each.session.cache
            promised += cache.growth(max(0, each.longest - cache.length))
        return self._free(promised - available) <= 0

    def _admissible(self, work: Sequence[tuple[Request, int]]) -> Sequence[tuple[Request, int]]:
        """Make room for the caches to grow; end the requests, the last ones first, for which there is none.

        A cache grows by a block every BLOCK positions, so that memory is rarely asked for.
        """
        growth = [request.session.cache.growth(count) for request, count in work]
        if not any(growth) or (available := available_memory()) is None:
            return work
        missing = self._free(sum(growth) - available)
        admitted = list(work)
        for place in reversed(range(len(work))):
            if missing > 0 and growth[place]:
                missing -= growth[place]
                request, _ = admitted.pop(place)
                request.fail(MemoryLimitError(NO_ROOM.format(length=request.session.cache.length)))
        return admitted

    def _step(self, step: Step[Request]) -> None:
        """Have a pass for those for whose caches there is room; who is at fault where it fails, ends."""
        with _failing([request for request, _ in step.work]):
            if work := self._admissible(step.work):
                self._pass(work, step.drafts)

    def _pass(self, work: Sequence[tuple[Request, int]], drafts: int) -> None:
        """One pass over one model's weights, then a token for each request whose prompt is through."""

        def check_cancelled() -> None:
            if any(request.cancelled for request, _ in work):
                raise _CancelledMidway

        batch = [(request.next_ids(count, drafts), request.session.cache) for request, count in work]
        last_only = [request.last_only for request, _ in work]
        began = time.perf_counter()
        try:
            logits = work[0][0].model.forward_batch(batch, last_only, check_cancelled)
        except _CancelledMidway:
            return
        except Exception:
            if len(work) == 1:
                raise
            for part in work:  # whose fault it was shows in a pass of its own
                self._step(Step((part,), 0))
            return
        seconds = time.perf_counter() - began
        self._took(work, sum(len(ids) for ids, _ in batch), seconds)
        for (request, _), rows in zip(work, logits, strict=True):
            with _failing([request]):
                self.activity.tokens += request.advance(rows, seconds)

    def _took(self, work: Sequence[tuple[Request, int]], rows: int, seconds: float) -> None:
        """Count a pass of so many rows, and learn from it unless there were drafts."""
        self.activity.passes += 1
        self.activity.sequences += len(work)
        replies = sum(request.started for request, _ in work)
        read = sum(count for request, count in work if not request.started)
        if rows == replies + read:
            self._pace.took(work[0][0].model, replies, read, seconds)


@contextlib.contextmanager
def _failing(requests: Sequence[Request]) -> Iterator[None]:
    """Turn any exception raised inside into a failure of these requests; the thread continues."""
    try:
        yield
    except BaseException as error:
        for request in requests:
            request.fail(explained(error))
            request.session.forget()


def _be_nice() -> None:
    """Give way to the interface's thread and to other users of the host, where threads have priorities of their own."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
