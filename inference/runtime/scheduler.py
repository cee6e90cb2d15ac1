"""The decision only: which requests run in the next step, one token each or a chunk of one's prompt."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

# Prompt tokens per step when nothing streams.
CHUNK = 256
# Drafted tokens of all requests in a step where all decode.
DRAFTS = 16


class Request(Protocol):
    """A request as the scheduler sees it."""

    @property
    def model(self) -> Hashable: ...
    @property
    def remaining(self) -> int:
        """Tokens not in the cache yet; one, when decoding."""
        ...

    @property
    def most_at_once(self) -> int:
        """Tokens that may go through the model in the next pass."""
        ...

    @property
    def started(self) -> bool:
        """True once the first token was sampled: from then on the request decodes."""
        ...


R = TypeVar("R", bound=Request)


@dataclass(frozen=True)
class Step(Generic[R]):
    """Requests of one model and how many of their tokens go through it in one pass.

    ``drafts``: tokens that each may have guessed behind its own.
    """

    work: tuple[tuple[R, int], ...]
    drafts: int


def readers(requests: Sequence[R]) -> list[R]:
    """Of each model, the first request that still reads its prompt."""
    return list({request.model: request for request in reversed(requests) if not request.started}.values())


def plan(requests: Sequence[R], turn: int, piece: Callable[[Hashable, int, int], int]) -> Step[R]:
    """All requests that decode, and the first that still reads its prompt; models take turns.

    ``requests``: not empty, in order of arrival. ``turn`` counts the steps. ``piece``: see Pace.
    """
    models = list(dict.fromkeys(request.model for request in requests))
    model = models[turn % len(models)]
    mine = [request for request in requests if request.model == model]
    work = [(request, 1) for request in mine if request.started]
    drafts = DRAFTS // len(work) if len(work) == len(mine) else 0
    for reading in readers(mine):
        most = min(reading.most_at_once, CHUNK)
        if count := piece(model, len(work), most) if work else most:
            work.append((reading, count))
    return Step(tuple(work), drafts)
