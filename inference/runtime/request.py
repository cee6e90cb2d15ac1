"""What a session is asked for: its events, and its way through the engine."""

import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from inference.errors import InferenceError
from inference.kernels.reference import Floats
from inference.model import Model
from inference.runtime.events import Event, Failed, Finished, Queued, Reason
from inference.runtime.prefixes import Held, longest_prefix
from inference.transformer.kv_cache import KVCache

# How often one who waits looks whether there is still somebody to wait for.
LOOK_SECONDS = 1.0


class TokenSequence(Protocol):
    """The part of a request's session that the request and the engine use."""

    model: Model

    @property
    def cache(self) -> KVCache: ...
    @property
    def context(self) -> int: ...
    @property
    def remaining(self) -> int: ...
    @property
    def held(self) -> Held: ...
    def begin(self, prompt_ids: list[int], reusable: int) -> int: ...
    def adopt(self, other: Any, length: int) -> None: ...
    def pending(self, count: int) -> list[int]: ...
    def append(self, token_id: int) -> None: ...
    def take_back(self, count: int) -> None: ...
    def cut_drafts(self) -> None: ...
    def forget(self) -> None: ...


class Request(ABC):
    """Iterate over its events, or ``poll`` them; both may be done from any one thread.

    The engine's thread drives it through ``admit``, ``advance``, ``finish`` and ``fail``. ``admitted``: it no longer
    waits. ``started``: its prompt is read, and it decodes.
    """

    def __init__(
        self, session: TokenSequence, prompt_ids: list[int], ahead: int, watched: Callable[[], bool] = lambda: True
    ) -> None:
        """``watched`` tells whether there is somebody yet who drives it."""
        self.session = session
        self.model = session.model
        self.prompt_ids = prompt_ids
        self.reused_tokens = 0
        self.started = False
        self.admitted = False
        self._looked = False
        self._watched = watched
        self._submitted = time.perf_counter()
        self._cancelled = threading.Event()
        self._events: deque[Event] = deque()
        self._news = threading.Condition()
        self._wake: Callable[[], None] = lambda: None
        self._done = False
        self._emit(Queued(ahead))

    # ---- for whoever asked

    def __iter__(self) -> Iterator[Event]:
        """Events as they come; ends after Finished or Failed."""
        while True:
            with self._news:
                while not self._news.wait_for(lambda: self._events or self._done, LOOK_SECONDS):
                    self._look()
                if not self._events:
                    return
                event = self._events.popleft()
            yield event

    def poll(self) -> list[Event]:
        """The events since the last call; never blocks."""
        with self._news:
            self._look()
            events = list(self._events)
            self._events.clear()
        return events

    def listen(self, wake: Callable[[], None]) -> None:
        """Call ``wake`` after each event, from the thread that reports it, and now if there are events to poll.

        It must return at once: an event loop's ``call_soon_threadsafe`` does.
        """
        with self._news:
            self._wake = wake
            if self._events:
                wake()

    def _look(self) -> None:
        """Fail where nobody is left to go on: no one should wait for ever."""
        if not self._watched() and not self._done:
            self.fail(InferenceError("The engine stopped unexpectedly and the reply ended. Please try again."))

    def cancel(self) -> None:
        """Stop soon, keeping what was done; harmless when it is over already."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    @property
    def done(self) -> bool:
        """True once Finished or Failed was reported."""
        return self._done

    # ---- for the engine

    @property
    def remaining(self) -> int:
        """Tokens that are not in the cache yet; one, when decoding."""
        return self.session.remaining

    @property
    def reusable(self) -> int:
        """Tokens at the beginning of the prompt that need not be computed if a cache holds them."""
        return len(self.prompt_ids) - 1

    @property
    def longest(self) -> int:
        """Positions that the cache may come to, as far as that is known before."""
        return len(self.prompt_ids)

    @property
    def most_at_once(self) -> int:
        """Tokens that may go through the model in the next pass."""
        return self.remaining

    @property
    def last_only(self) -> bool:
        """True if the next pass has to give the logits of its last token alone."""
        return True

    def admit(self) -> None:
        """Go back, the first time, to what the session's cache shares with the prompt."""
        if not self.admitted:
            self.admitted = True
            self.reused_tokens = self.session.begin(self.prompt_ids, self.reusable)

    def reuse(self, sessions: Iterable[TokenSequence]) -> None:
        """Go on from the session that has computed most of the prompt, if that is more than this one has.

        Done once, when it is this prompt's turn to be read: until then others may read the same.
        """
        if not self._looked and self.remaining > 1:
            self._looked = True
            wanted = self.prompt_ids[: self.reusable + 1]
            other, length = longest_prefix(((each, each.held) for each in sessions), wanted)
            if other is not None and length > self.reused_tokens:
                self.session.adopt(other, length)
                self.reused_tokens = length

    def next_ids(self, count: int, drafts: int) -> list[int]:
        """The next ``count`` tokens to compute, and behind them a draft of at most ``drafts``, where there is one."""
        return self.session.pending(count)

    @abstractmethod
    def advance(self, logits: Floats, seconds: float) -> int:
        """Take in what a pass of ``seconds`` gave: float32 [tokens or 1, vocab_size], see ``last_only``.

        Returns how many tokens were sampled.
        """

    @abstractmethod
    def finish(self, reason: Reason) -> None:
        """Report the end."""

    def fail(self, error: InferenceError) -> None:
        """Report the end; harmless where it was reported already."""
        if not self._done:
            self._emit(Failed(error))

    def _emit(self, event: Event) -> None:
        with self._news:
            self._events.append(event)
            self._done = isinstance(event, Finished | Failed)
            self._news.notify_all()
            self._wake()
