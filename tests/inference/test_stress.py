"""Many sessions, and everything at once: replies, cancels, going back, forks, alternatives, evictions, two models.

Nothing gets stuck, idle caches keep to their budget, what a session holds is what a fresh pass computes, and in the end
no cache is left.
"""

import gc
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from inference import Engine, Failed, Finished, Generation, KVCache, Model, SamplingParams
from inference.runtime.session import Session
from tests.backends import rounding
from tests.tiny_model import make_tiny_model

SESSIONS = 32
BUDGET = 2**21
LONG = 60.0  # seconds after which a reply counts as stuck
CONTEXT = 600


@dataclass
class Chat:
    session: Session
    ids: list[int] = field(default_factory=list)
    generation: Generation | None = None
    since: float = 0.0


class Crowd:
    """Chats that do something at random."""

    def __init__(self, engine: Engine, models: list[Model], chance: random.Random, directory: Path) -> None:
        self.engine, self.models, self.chance, self.directory = engine, models, chance, directory
        self.prefixes = [self.some_ids(length) for length in (5, 70, 300)]
        self.chats = [self.new() for _ in range(SESSIONS)]
        self.replies = self.cancelled = 0

    def some_ids(self, length: int) -> list[int]:
        return self.chance.choices(range(3, 380), k=length)

    def new(self) -> Chat:
        return Chat(self.engine.new_session(self.chance.choice(self.models)))

    def ask(self, chat: Chat, tokens: int = 12) -> None:
        params = SamplingParams(temperature=1.0, max_tokens=self.chance.randint(1, tokens))
        chat.generation, chat.since = chat.session.complete([chat.ids], params), time.monotonic()

    def step(self) -> None:
        """Let one of them do something."""
        place = self.chance.randrange(SESSIONS)
        chat = self.chats[place]
        if chat.generation is not None and not self.settled(chat):
            if self.chance.random() < 0.1:
                chat.generation.cancel()
                self.cancelled += 1
            return
        match self.chance.choice(["on", "on", "back", "begin", "fork", "alternatives", "close", "evict"]):
            case "on":
                chat.ids = (chat.ids or list(self.chance.choice(self.prefixes))) + self.some_ids(9)
            case "back":
                chat.ids = chat.ids[: self.chance.randint(0, len(chat.ids))] + self.some_ids(2)
            case "begin":
                chat.ids = [*self.chance.choice(self.prefixes), *self.some_ids(1)]
            case "fork" | "alternatives" as kind:
                self.fork(chat, 4 if kind == "alternatives" else 1)
            case "close":
                chat.session.close()
                self.chats[place] = self.new()
                return
            case "evict":
                chat.session.evict(self.directory)
        if chat.ids and len(chat.ids) < CONTEXT:
            self.ask(chat)
        else:
            chat.ids = []

    def fork(self, chat: Chat, count: int) -> None:
        """Put copies of this one in the place of others that have nothing to do, and ask all of them."""
        others = [place for place, each in enumerate(self.chats) if each is not chat and self.settled(each)]
        for place in others[:count] if chat.ids else []:
            session = chat.session
            cache = session.load_cache().fork()
            twin = self.engine.new_session(session.model, cache, session.token_ids)
            self.chats[place].session.close()
            self.chats[place] = Chat(twin, list(chat.ids))
            self.ask(self.chats[place])

    def settled(self, chat: Chat) -> bool:
        """Tell whether the chat has no reply under way; take in what has come."""
        generation = chat.generation
        if generation is None:
            return True
        for event in generation.poll():
            if isinstance(event, Finished):
                chat.ids = [*generation.prompt_ids, *generation.token_ids]
                chat.generation = None
                self.replies += 1
            assert not isinstance(event, Failed), event
        assert time.monotonic() - chat.since < LONG, "stuck"
        return chat.generation is None

    def rest(self) -> None:
        """Wait until nothing is under way; after one more reply the idle caches are within their budget.

        A cache that ``check`` or ``fork`` has read back is evicted then.
        """
        while not all(map(self.settled, self.chats)):
            time.sleep(0.001)
        last = Chat(self.engine.new_session(self.models[0]), [3])
        self.ask(last)
        while not self.settled(last):
            time.sleep(0.001)
        last.session.close()
        deadline = time.monotonic() + LONG
        while self.resident > BUDGET:
            assert time.monotonic() < deadline, f"{self.resident} bytes of idle caches"
            time.sleep(0.001)

    @property
    def resident(self) -> int:
        return sum(chat.session.resident_bytes for chat in self.chats)

    def check(self) -> None:
        """Compare what some of them hold with a fresh pass."""
        for chat in self.chance.sample(self.chats, 4):
            session = chat.session
            cache, model = session.load_cache(), session.model
            if cache.length:
                ids = session.token_ids[: cache.length]
                fresh = model.forward([*ids, 9], model.new_cache(), last_only=True)
                found = model.forward([9], cache.fork())
                assert np.abs(found - fresh).max() <= rounding(model, numpy=1e-3)


@pytest.fixture
def models(tmp_path) -> list[Model]:
    directory = make_tiny_model(tmp_path / "model", max_position_embeddings=1024)
    return [Model.load(directory, precision) for precision in ("int8", "float32")]


def caches() -> int:
    gc.collect()
    return sum(isinstance(each, KVCache) for each in gc.get_objects())


def moments(seconds: float) -> Iterator[float]:
    begin = time.monotonic()
    while (passed := time.monotonic() - begin) < seconds:
        yield passed


@pytest.mark.no_cover
@pytest.mark.parametrize("seconds", [20, pytest.param(120, marks=pytest.mark.slow)])
def test_everything_at_once(tmp_path, models, seconds):
    before = caches()
    with Engine(cache_budget=BUDGET, snapshot_dir=tmp_path) as engine:
        crowd = Crowd(engine, models, random.Random(seconds), tmp_path)
        next_rest = 1.0
        for passed in moments(seconds):
            crowd.step()
            if passed > next_rest:
                crowd.rest()
                crowd.check()
                next_rest = passed + 1.0
        crowd.rest()
        assert crowd.replies > SESSIONS and crowd.cancelled
        for chat in crowd.chats:
            chat.session.close()
        del chat, crowd
    assert caches() == before
    assert not list(tmp_path.glob("evicted-*"))
