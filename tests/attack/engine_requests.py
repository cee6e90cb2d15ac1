"""Short requests to an engine, and errors of any kind raised inside it."""

from typing import Any

from inference import Engine, SamplingParams
from tests.inference.events import finished

FEW = SamplingParams(temperature=0, max_tokens=3)
HELLO = [{"role": "user", "content": "Hello"}]


class Panic(BaseException):
    """As pyo3 raises a panic of a library in Rust: no Exception."""


def raising(error: BaseException) -> Any:
    def fail(*args: Any, **others: Any) -> Any:
        raise error

    return fail


def answers(engine: Engine) -> None:
    """The engine's thread is there, and does its work."""
    finished(list(engine.new_session().reply(HELLO, FEW)))
