"""Who is in the next pass, and with how much of a prompt: replies keep half of their speed, and prompts go on."""

import gc
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference import Engine, Failed, Finished, Model, SamplingParams
from inference.runtime.pace import FEWEST, FIRST, Pace
from inference.runtime.scheduler import CHUNK, plan
from tests.inference.events import finished


class Weights:
    """What stands for a model."""


@dataclass
class Request:
    model: Weights
    started: bool
    most_at_once: int = 1
    remaining: int = 1


def test_a_prompt_is_read_in_large_pieces_while_nothing_streams():
    model = Weights()
    reading, waiting = Request(model, False, 1000), Request(model, False, 50)
    assert plan([reading, waiting], 0, Pace().piece).work == ((reading, CHUNK),)


def test_beside_replies_it_is_read_once_it_is_known_what_their_steps_take():
    model, pace = Weights(), Pace()
    replies, reading = [Request(model, True), Request(model, True)], Request(model, False, 1000)
    requests = [replies[0], reading, replies[1]]
    alone = tuple((reply, 1) for reply in replies)
    assert plan(requests, 0, pace.piece).work == alone
    pace.took(model, 2, 0, 0.01)
    assert plan(requests, 0, pace.piece).work == (*alone, (reading, FIRST))
    reading.most_at_once = 3
    assert plan(requests, 0, pace.piece).work == (*alone, (reading, 3)), "no more than is left"


@given(
    alone=st.floats(1e-3, 1.0), each=st.floats(1e-3, 0.15), tile=st.sampled_from([1, 4, 8, 16]), count=st.integers(1, 9)
)
def test_replies_keep_half_of_their_speed_where_a_few_tokens_cost_less_than_a_step(alone, each, tile, count):
    """``each``: what a row costs, in steps; rows are computed in tiles."""
    model, pace = Weights(), Pace()
    pace.took(model, count, 0, alone)
    steps = []
    for _ in range(200):
        read = pace.piece(model, count, CHUNK)
        assert FEWEST <= read <= CHUNK
        steps.append(alone * (1 + each * tile * -(-read // tile)))
        pace.took(model, count, read, steps[-1])
    later = sorted(steps[20:])
    cheapest = 1 + each * tile * -(-FEWEST // tile)
    assert later[int(0.95 * len(later))] <= alone * max(2.0, cheapest) * 1.0001


def test_a_large_piece_is_read_where_it_costs_nothing():
    model, pace = Weights(), Pace()
    pace.took(model, 1, 0, 1.0)
    for _ in range(20):
        pace.took(model, 1, pace.piece(model, 1, CHUNK), 1.0)
    assert pace.piece(model, 1, CHUNK) > 4 * FIRST


def test_models_that_are_gone_leave_nothing():
    pace, model = Pace(), Weights()
    pace.took(model, 1, 0, 1.0)
    del model
    gc.collect()
    assert len(pace._timings) == 0


def test_what_one_request_breaks_ends_that_one_alone(tiny_model, backend, monkeypatch):
    model = Model.load(tiny_model, backend=backend)
    params, broken = SamplingParams(temperature=0, max_tokens=30), [9, 9, 9, 9]
    prompts = [list(range(start, start + 12)) for start in (10, 40)]
    with Engine(model) as engine:
        alone = [list(reply) for reply in (engine.new_session().complete([prompt], params) for prompt in prompts)]
        forward = model.forward_batch

        def fails(batch, *arguments):
            if any(ids[:4] == broken for ids, _ in batch):
                raise ArithmeticError("these numbers")
            return forward(batch, *arguments)

        monkeypatch.setattr(model, "forward_batch", fails)
        replies = [engine.new_session().complete([prompt], params) for prompt in [*prompts, broken]]
        events = [list(reply) for reply in replies]
    assert isinstance(events[2][-1], Failed) and "these numbers" in str(events[2][-1].error)
    for found, expected in zip(events, alone, strict=False):
        assert isinstance(found[-1], Finished)
        assert finished(found).stats.generated_tokens == finished(expected).stats.generated_tokens == 30


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_prompt_and_a_reply_beside_it_come_to_their_ends(tiny_model, backend, cancelled):
    model = Model.load(tiny_model, backend=backend)
    with Engine(model) as engine:
        reply = engine.new_session().complete([[5, 6, 7]], SamplingParams(temperature=0, max_tokens=200))
        first = next(iter(reply))
        prompt = engine.new_session().complete([list(range(3, 200))], SamplingParams(temperature=0, max_tokens=2))
        if cancelled:
            reply.cancel()
        assert first is not None
        assert finished(list(prompt)).stats.generated_tokens == 2
        assert finished(list(reply)).reason == ("cancelled" if cancelled else "length")
