"""An engine for tests of the interface: no weights, no kernels, no threads. Replies are scripts."""

import json
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np

from inference import (
    AttentionWeights,
    BusyError,
    CacheError,
    ContextOverflowError,
    Event,
    Failed,
    Finished,
    InferenceError,
    Prefill,
    Queued,
    SamplingParams,
    Started,
    Stats,
    Token,
)
from inference.runtime.activity import Activity, CacheMemory
from tests.stubs.fake_scoring import END, FakeScoring
from tests.stubs.fake_tokenizer import Template, Words
from tests.stubs.script import Script

BYTES_PER_TOKEN = 1024


@dataclass
class FakeCache:
    """So many positions of nothing."""

    length: int = 0

    @property
    def nbytes(self) -> int:
        return self.length * BYTES_PER_TOKEN

    def fork(self) -> "FakeCache":
        return FakeCache(self.length)

    @staticmethod
    def load(file: Path, model: "FakeModel") -> tuple["FakeCache", list[int]]:
        """Raises CacheError for another model's."""
        saved = json.loads(file.read_text())
        if saved["fingerprint"] != model.fingerprint:
            raise CacheError("The cache belongs to another model.")
        return FakeCache(saved["length"]), saved["token_ids"]


@dataclass
class FakeModel:
    """``path`` need hold no more than config.json and, for one that chats, a template in tokenizer_config.json."""

    path: Path
    precision: str
    script: Script
    generation_config: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    limit: int | None = None
    ready: bool = True
    fault: Exception | None = None  # in place of kernels

    def __post_init__(self) -> None:
        known = {"max_position_embeddings": 512} | _read(self.path / "config.json")
        self.config = SimpleNamespace(**known)
        self.generation_config = _read(self.path / "generation_config.json")
        chats = "chat_template" in _read(self.path / "tokenizer_config.json")
        self.chat_template = Template() if chats else None
        self.no_chat = "" if chats else f"{self.path.name} has no chat template: it can continue a story, but not chat."
        self.counters = SimpleNamespace(rows=0)

    @property
    def longest_context(self) -> int:
        length: int = self.config.max_position_embeddings
        return length

    @property
    def context(self) -> int:
        return min(self.limit or self.longest_context, self.longest_context)

    @property
    def tokenizer(self) -> "Words":
        """The script's: all models of a test have the same."""
        return self.script.tokenizer

    @property
    def eos_token_ids(self) -> frozenset[int]:
        return frozenset({self.tokenizer.token(END)})

    @property
    def fingerprint(self) -> str:
        return f"{self.path} {self.precision}"

    def prepare(self, progress: Callable[[int, int, str], None] | None = None) -> None:
        if progress is not None:
            progress(1, 1, "compiling the kernels")
        if self.fault is not None:
            raise self.fault
        self.ready = True


def loader(script: Script) -> Callable[..., FakeModel]:
    """``Model.load`` of models whose replies are in ``script``."""

    def load(
        path: str | Path,
        precision: str = "auto",
        threads: int | None = None,
        progress: Callable[[int, int, str], None] | None = None,
        context: int | None = None,
        **_limits: object,
    ) -> FakeModel:
        script.loading(Path(path))
        if progress is not None:
            progress(1, 1, "loading the model")
        return FakeModel(Path(path), "float32" if precision == "auto" else precision, script, limit=context)

    return load


class FakeEngine:
    """Sessions whose replies are read from their models' scripts, a poll at a time."""

    def __init__(
        self, model: FakeModel | None = None, cache_budget: int | None = None, snapshot_dir: Path | None = None
    ) -> None:
        self.model = model
        self.closed = False
        self.activity = Activity()
        self.cache_memory = CacheMemory(busy=2**20, idle=3 * 2**20)
        self.sessions: weakref.WeakSet[FakeSession] = weakref.WeakSet()

    def new_session(
        self,
        model: FakeModel | None = None,
        cache: FakeCache | None = None,
        token_ids: Sequence[int] = (),
        on_disk: bool = True,
    ) -> "FakeSession":
        chosen = model or self.model
        assert chosen is not None
        session = FakeSession(self, chosen, cache or FakeCache(), list(token_ids))
        self.sessions.add(session)
        return session

    def close(self) -> None:
        self.closed = True
        for session in self.sessions:
            session.close()


class FakeSession:
    """``token_ids``: what was read and written; all but the last of them are in the cache."""

    def __init__(self, engine: FakeEngine, model: FakeModel, cache: FakeCache, token_ids: list[int]) -> None:
        self.engine = engine
        self.model = model
        self.cache = cache
        self.token_ids = token_ids
        self.closed = False
        self.resident_bytes = BYTES_PER_TOKEN
        self._generation: FakeGeneration | FakeScoring | None = None
        self._limit: int | None = None

    @property
    def context(self) -> int:
        return min(self._limit or self.model.context, self.model.longest_context)

    def limit(self, context: int | None) -> None:
        self._limit = context

    @property
    def idle(self) -> bool:
        return self._generation is None or self._generation.done

    def reply(
        self,
        messages: Sequence[Mapping[str, Any]],
        params: SamplingParams | None = None,
        continue_final_message: bool = False,
        variables: Mapping[str, Any] = {},
        drafts: Sequence[Sequence[int]] = (),
    ) -> "FakeGeneration":
        assert self.model.chat_template is not None
        more = continue_final_message
        return self._submit(self.model.chat_template.encode(messages, self.model.tokenizer, not more, more), params)

    def complete(
        self,
        text: str | Sequence[str | Sequence[int]],
        params: SamplingParams | None = None,
        drafts: Sequence[Sequence[int]] = (),
    ) -> "FakeGeneration":
        return self._submit(self.model.tokenizer.encode_pieces([text] if isinstance(text, str) else text), params)

    def score(
        self, messages: Sequence[Mapping[str, Any]], likeliest: int = 10, variables: Mapping[str, Any] = {}
    ) -> FakeScoring:
        assert self.model.chat_template is not None
        encode, tokenizer = self.model.chat_template.encode, self.model.tokenizer
        return self._score(encode(messages[:-1], tokenizer), encode(messages, tokenizer, False, True))

    def score_text(self, text: Sequence[str | Sequence[int]], likeliest: int = 10) -> FakeScoring:
        encode = self.model.tokenizer.encode_pieces
        return self._score(encode(text[:-1]), encode(text))

    def _score(self, before: list[int], ids: list[int]) -> FakeScoring:
        if len(ids) > self.context:
            raise ContextOverflowError(len(ids), self.context)
        scoring = FakeScoring(self, ids, len(before))
        self._generation = scoring
        return scoring

    def count(self, messages: Sequence[Mapping[str, Any]], variables: Mapping[str, Any] = {}) -> int:
        assert self.model.chat_template is not None
        return len(self.model.chat_template.encode(messages, self.model.tokenizer))

    def attention(self, count: int, progress: Callable[[int, int], None]) -> AttentionWeights:
        """Each of two heads in two layers looks everywhere alike."""
        progress(2, 2)
        return AttentionWeights(np.full((2, 2, count), 1 / count, np.float32))

    def load_cache(self) -> FakeCache:
        """Nothing is ever evicted."""
        return self.cache

    def save(self, file: Path) -> bool:
        if not self.idle or not self.cache.length:
            return False
        saved = {"fingerprint": self.model.fingerprint, "length": self.cache.length, "token_ids": self.token_ids}
        file.write_text(json.dumps(saved))
        return True

    def close(self) -> None:
        self.closed = True
        if self._generation is not None:
            self._generation.cancel()

    def _submit(self, prompt_ids: list[int], params: SamplingParams | None) -> "FakeGeneration":
        if not self.idle:
            raise BusyError("This session is still replying; stop that reply first.")
        if not prompt_ids:
            raise InferenceError("There is nothing to continue: write a few words first.")
        if len(prompt_ids) > self.context:
            raise ContextOverflowError(len(prompt_ids), self.context)
        generation = FakeGeneration(self, prompt_ids, params or SamplingParams())
        self._generation = generation
        return generation

    def admit(self, prompt_ids: list[int], reusable: int) -> int:
        """Go back to what the cache shares with the first ``reusable`` of the prompt."""
        limit = min(self.cache.length, reusable)
        pairs = zip(self.token_ids[:limit], prompt_ids[:limit], strict=True)
        shared = next((index for index, (one, other) in enumerate(pairs) if one != other), limit)
        self.token_ids, self.cache.length = list(prompt_ids), len(prompt_ids)
        return shared


class FakeGeneration:
    """A reply that goes on as far as its script lets it whenever it is polled."""

    def __init__(self, session: FakeSession, prompt_ids: list[int], params: SamplingParams) -> None:
        self.session = session
        self.model = session.model
        self.params = params
        self.prompt_ids = prompt_ids
        self._ids: list[int] = []
        self.reused_tokens = 0
        self.cancelled = False
        self.done = False
        self._begun = time.perf_counter()
        self._first_token: float | None = None
        prompt = self.model.tokenizer.decode(prompt_ids)
        self._pieces = self.model.script.take(prompt, greedy=params.temperature == 0)
        self._events = self._stream()

    def poll(self) -> list[Event]:
        return list(iter(partial(next, self._events, None), None))

    def __iter__(self) -> Iterator[Event]:
        while not self.done:
            yield from self.poll()

    def cancel(self) -> None:
        self.cancelled = True

    @property
    def token_ids(self) -> list[int]:
        return list(self._ids)

    @property
    def text(self) -> str:
        return self.model.tokenizer.decode(self._ids)

    @property
    def stats(self) -> Stats:
        first = None if self._first_token is None else self._first_token - self._begun
        total = time.perf_counter() - self._begun
        return Stats(len(self.prompt_ids), self.reused_tokens, len(self._ids), first, total, self.params.seed or 0)

    def _stream(self) -> Iterator[Event | None]:
        """The events; None where there is none for now."""
        yield Queued(0)
        self.reused_tokens = self.session.admit(self.prompt_ids, len(self.prompt_ids) - 1)
        total = len(self.prompt_ids) - self.reused_tokens
        self.model.counters.rows += total
        yield Prefill(total, total)
        for piece in self._pieces:
            while isinstance(piece, threading.Event) and not (piece.is_set() or self.cancelled):
                yield None
            if piece is None:
                yield None
            if self.cancelled:
                yield self._end("cancelled")
                return
            if isinstance(piece, InferenceError):
                self.done = True
                yield Failed(piece)
                return
            if isinstance(piece, str):
                yield from self._begin()
                if any(phrase.casefold() in piece.casefold() for phrase in self.params.ban):
                    yield self._end("banned")  # the script has no other way
                    return
                yield self._token(piece)
                if (limit := self._limit()) is not None:
                    yield self._end(limit)
                    return
        yield from self._begin()
        yield self._end("cancelled" if self.cancelled else "stop")

    def _begin(self) -> Iterator[Event]:
        if self._first_token is None:
            self._first_token = time.perf_counter()
            yield Started(len(self.prompt_ids), self.reused_tokens)

    def _token(self, text: str) -> Token:
        session, token_id = self.session, self.model.tokenizer.token(text)
        if self._ids:  # the one before went through the model to make this one
            self.model.counters.rows += 1
            session.cache.length += 1
        session.token_ids.append(token_id)
        self._ids.append(token_id)
        return Token(text, token_id, -1.0)

    def _limit(self) -> Literal["length", "context"] | None:
        if self.params.max_tokens is not None and len(self._ids) >= self.params.max_tokens:
            return "length"
        full = len(self.session.token_ids) >= self.session.context
        return "context" if full else None

    def _end(self, reason: Literal["stop", "length", "cancelled", "context", "banned"]) -> Finished:
        self.done = True
        return Finished(reason, self.stats)


def _read(file: Path) -> dict[str, Any]:
    known: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return known
