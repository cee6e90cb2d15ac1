"""Events that a request reports while it runs: Queued, Prefill…, Started, Token…, then Finished or Failed.

One that scores tokens has Scored events in place of Started and Token.
"""

from dataclasses import dataclass
from typing import Literal

from inference.errors import InferenceError

Reason = Literal["stop", "length", "cancelled", "context", "banned"]


@dataclass(frozen=True)
class Stats:
    """Counts in tokens, times in seconds since the request was made. ``seed`` makes the same reply again.

    ``accepted_tokens`` of the ``drafted_tokens`` came true: each of these saved a pass.
    """

    prompt_tokens: int
    reused_tokens: int
    generated_tokens: int
    first_token_seconds: float | None
    total_seconds: float
    seed: int
    drafted_tokens: int = 0
    accepted_tokens: int = 0

    @property
    def tokens_per_second(self) -> float | None:
        """The rate after the first token; None where there is no second one."""
        if self.first_token_seconds is None or self.generated_tokens < 2:
            return None
        return (self.generated_tokens - 1) / max(1e-9, self.total_seconds - self.first_token_seconds)


@dataclass(frozen=True)
class Queued:
    """The request was accepted; ``ahead`` others are not finished yet."""

    ahead: int


@dataclass(frozen=True)
class Prefill:
    """``done`` of the ``total`` prompt tokens that had to be computed are."""

    done: int
    total: int


@dataclass(frozen=True)
class Started:
    """The prompt is in the cache; ``reused_tokens`` of it were there before."""

    prompt_tokens: int
    reused_tokens: int


@dataclass(frozen=True)
class Token:
    """A sampled token and the text that became certain with it, perhaps none yet.

    ``logprob`` is in nats, under the model's own distribution. Text that was withheld to the end (half a character, the
    beginning of a stop string) comes in a last event whose ``token_id`` and ``logprob`` are None. So does, in a first
    one, ``<think>`` that the chat template has written in the prompt.
    """

    text: str
    token_id: int | None
    logprob: float | None


@dataclass(frozen=True)
class Scored:
    """A token that was read, under the model's own distribution at its place: before temperature and filters.

    ``likeliest``: ids and log probabilities (nats) of the tokens that were most probable there, the first most.
    ``rank``: of the token that stands there, from 1. It has no id, log probability and rank where nothing stands yet,
    after the last token.
    """

    token_id: int | None
    logprob: float | None
    rank: int | None
    likeliest: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Finished:
    """``stop``: an end token or a stop string, or all is read; ``length``: max_tokens; ``context``: no room is left.

    ``banned``: all that was tried in place of a banned phrase was banned too.
    """

    reason: Reason
    stats: Stats


@dataclass(frozen=True)
class Failed:
    """The generation could not go on; the session is as it was after the last Token."""

    error: InferenceError


Event = Queued | Prefill | Started | Token | Scored | Finished | Failed
