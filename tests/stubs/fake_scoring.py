"""How likely the tokens of a text were, for tests of the interface: halves of halves."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from inference import Event, Finished, Queued, Scored, Stats

if TYPE_CHECKING:
    from tests.stubs.fake_engine import FakeSession

# What could have stood in the place of any token, besides it: less and less likely.
OTHERS = ("other ", "third ", END := "<|end|>")


class FakeScoring:
    """Each token had a probability of a half, and those of OTHERS a half of the one before."""

    def __init__(self, session: "FakeSession", prompt_ids: list[int], start: int) -> None:
        self.session = session
        self.model = session.model
        self.prompt_ids = prompt_ids
        self.start = start
        self.cancelled = False
        self.done = False
        self._events = self._stream()

    @property
    def token_ids(self) -> list[int]:
        return self.prompt_ids[self.start :]

    def poll(self) -> list[Event]:
        return list(self._events)

    def cancel(self) -> None:
        self.cancelled = True

    def _stream(self) -> Iterator[Event]:
        yield Queued(0)
        reused = self.session.admit(self.prompt_ids, self.start - 1)
        self.model.counters.rows += len(self.prompt_ids) - reused
        for token_id in [*self.token_ids, None]:
            named = [token_id] if token_id is not None else []
            named += [other for text in OTHERS if (other := self.model.tokenizer.token(text)) != token_id]
            likeliest = tuple((each, -math.log(2) * rank) for rank, each in enumerate(named, 1))
            yield Scored(token_id, *((None, None) if token_id is None else (likeliest[0][1], 1)), likeliest)
        self.done = True
        yield Finished("stop", Stats(len(self.prompt_ids), reused, 0, None, 0.0, 0))
