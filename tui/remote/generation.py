"""A reply that a server writes: the events that the engine's own replies have, from a thread of its own."""

import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from inference import Event, Failed, Finished, InferenceError, SamplingParams, Started, Stats, Token
from inference.errors import explained
from tui.config.remotes import RemoteServer
from tui.remote.call import Call, Patience
from tui.remote.errors import RemoteError, lost, silent
from tui.remote.event_stream import GARBLED, events
from tui.remote.pieces import Usage, read_piece

LONGEST_REPLY = 4_000_000  # characters
MOST_AT_ONCE = 1000  # characters that are shown in one go, so that the interface stays responsive
LOOK_SECONDS = 1.0  # between two looks of who waits at whether the server is alive
DONE = "[DONE]"
FILTERED = "content_filter"
STREAM = "text/event-stream"
# How a reply ends that does not end by itself.
CUT: dict[str, Literal["length", "cancelled"]] = {"length": "length", "cancelled": "cancelled"}
THINK, END_THINK = "<think>\n", "\n</think>\n\n"


class RemoteGeneration:
    """Iterate over its events, or ``poll`` them. The reply begins when it is made.

    ``path`` and ``values``: of the request. ``params``: what was asked for; ``seed`` is 0 where none was.
    """

    def __init__(
        self, server: RemoteServer, path: str, values: Mapping[str, Any], params: SamplingParams, patience: Patience
    ) -> None:
        self.params = params
        self._call = Call(server, patience)
        self._path = path
        self._values = values
        self._patience = patience
        self._events: deque[Event] = deque()
        self._news = threading.Condition()
        self._done = False
        self._begun = self._last_sign = time.monotonic()
        self._first: float | None = None
        self._ended: float | None = None
        self._pieces = self._length = 0
        self._thinking = False
        self._reason = ""
        self._usage: Usage | None = None
        threading.Thread(target=self._run, name="llm-tui-remote", daemon=True).start()

    # ---- for whoever asked

    @property
    def token_ids(self) -> list[int]:
        """None are known."""
        return []

    @property
    def stats(self) -> Stats:
        """Counts and times so far; counts of the prompt are 0 until the server tells them."""
        usage = self._usage or Usage(0, 0, 0)
        now = time.monotonic() if self._ended is None else self._ended
        return Stats(
            prompt_tokens=usage.prompt,
            reused_tokens=usage.cached,
            generated_tokens=usage.generated or self._pieces,
            first_token_seconds=None if self._first is None else self._first - self._begun,
            total_seconds=now - self._begun,
            seed=self.params.seed or 0,
        )

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
        """The events since the last call, as far as they can be shown in one go; never blocks."""
        with self._news:
            self._look()
            return self._taken()

    def cancel(self) -> None:
        """Stop at once, keeping what has come, as far as it can be shown in one go."""
        with self._news:
            if not self._done:
                self._events = deque(self._taken())
                self._finish("cancelled")
        self._call.abort()

    def _taken(self) -> list[Event]:
        """Take events with so many characters at most."""
        found: list[Event] = []
        room = MOST_AT_ONCE
        while self._events and room > 0:
            event = self._events.popleft()
            if isinstance(event, Token):
                if rest := event.text[room:]:
                    self._events.appendleft(Token(rest, None, None))
                    event = Token(event.text[:room], None, None)
                room -= len(event.text)
            found.append(event)
        return found

    def _look(self) -> None:
        """End what has been silent for too long, however little the server sends of a line or of its headers."""
        quiet = time.monotonic() - self._last_sign
        if self._done:
            return
        if self._reason and quiet > self._patience.counts:
            self._finish(self._reason)
            self._call.abort()
        elif quiet > self._patience.silence:
            self._fail(silent(self._call.host, self._patience.silence))
            self._call.abort()

    # ---- on the thread

    def _run(self) -> None:
        try:
            with self._call as call:
                self._read(call)
        except Exception as error:
            failure: InferenceError = explained(error)
        else:
            failure = lost(self._call.host)
        with self._news:
            if self._reason:
                self._finish(self._reason)
            else:
                self._fail(failure)

    def _read(self, call: Call) -> None:
        """Read until the reply has ended, or the connection."""
        response = call.send("POST", self._path, self._values)
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != STREAM or response.headers.get("Content-Encoding", "identity") != "identity":
            raise RemoteError(GARBLED.format(host=call.host, why="not server-sent events"))
        self._alive()
        for data in events(call.host, call.chunks(), self._alive):
            if data.strip() == DONE:
                self._reason = self._reason or "stop"
            if data.strip() == DONE or self._done:
                return
            piece = read_piece(call.host, data, call.key)
            with self._news:
                self._usage = piece.usage or self._usage
                self._take(piece.thought, piece.text)
                self._reason = self._reason or piece.reason
            if self._reason == FILTERED:
                self._reason = ""
                raise RemoteError(f"A filter of {call.host} has ended the reply.")

    def _alive(self) -> None:
        self._last_sign = time.monotonic()

    def _take(self, thought: str, text: str) -> None:
        shown = ""
        if thought:
            shown += thought if self._thinking else THINK + thought
            self._thinking = True
        if text:
            shown += END_THINK + text if self._thinking else text
            self._thinking = False
        if not shown:
            return
        self._length += len(shown)
        if self._length > LONGEST_REPLY:
            raise RemoteError(f"{self._call.host} sends a reply of more than {LONGEST_REPLY} characters.")
        if self._first is None:
            self._first = time.monotonic()
            usage = self._usage or Usage(0, 0, 0)
            self._emit(Started(usage.prompt, usage.cached))
        self._pieces += 1
        self._emit(Token(shown, None, None))

    def _finish(self, reason: str) -> None:
        """Report the end; harmless when it is over already."""
        if not self._done:
            if self._thinking and reason not in CUT:
                self._emit(Token(END_THINK.rstrip(), None, None))
            self._ended = time.monotonic()
            self._emit(Finished(CUT.get(reason, "stop"), self.stats))

    def _fail(self, error: InferenceError) -> None:
        self._ended = self._ended or time.monotonic()
        self._emit(Failed(error))

    def _emit(self, event: Event) -> None:
        """Report an event, unless it is over. Small texts that nobody has taken yet are one event."""
        with self._news:
            if self._done:
                return
            last = self._events[-1] if self._events else None
            if isinstance(event, Token) and isinstance(last, Token) and len(last.text) < MOST_AT_ONCE:
                self._events[-1] = Token(last.text + event.text, None, None)
            else:
                self._events.append(event)
            self._done = isinstance(event, Finished | Failed)
            self._news.notify_all()
