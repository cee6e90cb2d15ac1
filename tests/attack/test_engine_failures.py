"""Whatever is raised inside the engine: its thread goes on, and each request ends in events or in one sentence."""

import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from inference import Engine, Failed, InferenceError, Model, Tokenizer
from inference.runtime.generation import Generation
from inference.runtime.session import Session
from tests.attack.conftest import Attack
from tests.attack.engine_requests import FEW, HELLO, Panic, answers, raising
from tests.inference.events import finished

RAISED = (StopIteration(), KeyError("x"), MemoryError(), GeneratorExit(), SystemExit(3), Panic("called `unwrap()`"))


@pytest.mark.parametrize("error", RAISED, ids=repr)
@pytest.mark.parametrize("place", ["forward_batch", "advance", "admit", "evict", "plan", "finish"])
def test_nothing_raised_ends_the_engines_thread(
    model: Model, monkeypatch: pytest.MonkeyPatch, attack: Attack, place: str, error: BaseException
) -> None:
    owner = {"forward_batch": model, "evict": Session, "plan": sys.modules["inference.runtime.engine"]}
    with attack("what the engine meets"), Engine(model, cache_budget=0) as engine:
        thread = engine._thread
        answers(engine)
        with monkeypatch.context() as patch:
            patch.setattr(owner.get(place, Generation), place, raising(error))
            generation = engine.new_session().reply(HELLO, FEW)
            if place == "finish":
                generation.cancel()
            events = list(generation)
        if place == "evict":
            finished(events)
        elif isinstance(events[-1], Failed):
            told = "ot enough memory" if isinstance(error, MemoryError) else type(error).__name__
            assert told in str(events[-1].error)
        else:  # it was through before it was cancelled
            assert place == "finish"
        answers(engine)
        assert engine._thread is thread


def test_what_failed_is_computed_from_the_beginning(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that something went wrong with is not relied on."""
    with Engine(model) as engine:
        session = engine.new_session()
        finished(list(session.reply(HELLO, FEW)))
        with monkeypatch.context() as patch:
            patch.setattr(Generation, "advance", raising(ValueError("odd")))
            assert isinstance(list(session.reply(HELLO, FEW))[-1], Failed)
        assert session.cache.length == 0
        finished(list(session.reply(HELLO, FEW)))


def test_a_thread_that_is_gone_fails_what_waits_and_the_next_request_has_another(
    model: Model, monkeypatch: pytest.MonkeyPatch, attack: Attack
) -> None:
    for wait in (list, poll_to_the_end):
        with attack("threads that end"), Engine(model) as engine:
            with monkeypatch.context() as patch:
                patch.setattr("inference.runtime.engine._failing", raising(SystemExit(1)))
                patch.setattr("threading.excepthook", lambda args: None)
                events = wait(engine.new_session().reply(HELLO, FEW))
                assert isinstance(events[-1], Failed)
                assert "The engine stopped" in str(events[-1].error)
                engine._thread.join()
            answers(engine)


def poll_to_the_end(generation: Generation) -> list[Any]:
    events: list[Any] = []
    while not generation.done:
        events += generation.poll()
    return events + generation.poll()


def test_sessions_come_and_go_on_other_threads_while_idle_caches_are_looked_through(
    model: Model, attack: Attack, rounds: int
) -> None:
    with attack("sessions from other threads"), Engine(model, cache_budget=0) as engine:
        over = threading.Event()

        def come_and_go() -> None:
            kept = []
            while not over.is_set():
                kept.append(engine.new_session())
                del kept[: len(kept) // 500 * 250]

        threads = [threading.Thread(target=come_and_go) for _ in range(2)]
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        try:
            for thread in threads:
                thread.start()
            for _ in range(20 * rounds):
                answers(engine)
        finally:
            sys.setswitchinterval(interval)
            over.set()
            for thread in threads:
                thread.join()


@pytest.fixture
def panicking(model: Model, monkeypatch: pytest.MonkeyPatch) -> Iterator[Model]:
    """A model whose tokenizer's library panics."""
    real = model.tokenizer._backend

    class Backend:
        def __getattr__(self, name: str) -> Any:
            return raising(Panic("index out of bounds"))

        encode_special_tokens = False

    monkeypatch.setattr(model.tokenizer, "_backend", Backend())
    yield model
    model.tokenizer._backend = real


def test_panics_of_the_tokenizer_are_sentences(panicking: Model, attack: Attack) -> None:
    tokenizer = panicking.tokenizer
    with Engine(panicking) as engine:
        session = engine.new_session()
        for ask in (
            lambda: tokenizer.encode("x"),
            lambda: tokenizer.decode([5]),
            lambda: Tokenizer.vocab_size.func(tokenizer),  # known by now, and not asked for again
            lambda: tokenizer.token_id("x"),
            lambda: tokenizer.ordinary([5]),
            lambda: session.reply(HELLO, FEW),
            lambda: session.complete("x", FEW),
            lambda: session.count(HELLO),
        ):
            with attack("panics"), pytest.raises(InferenceError, match="tokenizer failed"):
                ask()
