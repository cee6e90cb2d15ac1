"""One reply from the moment it is asked for: what it measures, and how it is stopped."""

import pytest

from inference import Finished, SamplingParams, Stats
from tests.stubs.fake_engine import FakeEngine, FakeModel
from tui.services.reply import TELLING_SECONDS, Reply, outcome_of


class Measured:
    """A generation as far as its figures go."""

    def __init__(self, first: float | None, total: float, tokens: int) -> None:
        self.stats = Stats(5, 0, tokens, first, total, 1)


def measured(first: float | None, total: float, tokens: int) -> Reply:
    reply = Reply("node", None)
    reply.generation = Measured(first, total, tokens)  # type: ignore[assignment]
    return reply


def test_before_the_engine_was_asked_there_are_no_figures() -> None:
    reply = Reply("node", None)
    assert reply.first_token_seconds is None and reply.tokens_per_second is None


def test_the_speed_of_a_moment_is_not_told() -> None:
    assert measured(None, 3.0, 0).tokens_per_second is None
    assert measured(0.1, 0.1 + TELLING_SECONDS / 2, 1000).tokens_per_second is None
    assert measured(0.1, 1.1, 41).tokens_per_second == pytest.approx(40)


def test_cancelling_reaches_the_engine_once_it_was_asked(model: FakeModel) -> None:
    reply = Reply("node", None)
    reply.cancel()
    assert reply.cancelled
    reply.generation = FakeEngine(model).new_session().complete("Once")  # type: ignore[assignment]
    reply.cancel()
    assert reply.generation.cancelled


def test_how_it_ended_is_kept_with_its_parameters(model: FakeModel) -> None:
    generation = FakeEngine(model).new_session().complete("Once", SamplingParams(seed=3, max_tokens=2))
    finished = list(generation)[-1]
    assert isinstance(finished, Finished)
    outcome = outcome_of(generation, finished, "fake")  # type: ignore[arg-type]
    assert (outcome.reason, outcome.model, outcome.seed, outcome.generated_tokens) == ("length", "fake", 3, 2)
    assert outcome.params["max_tokens"] == 2
