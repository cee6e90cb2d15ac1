"""A reply in progress."""

from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from tui.conversation.tree import Outcome

if TYPE_CHECKING:
    from inference import Finished, Stats
    from tui.services.text_source import TextStream

# Minimum generation time in seconds for a meaningful speed.
TELLING_SECONDS = 0.5


@dataclass(eq=False)
class Reply:
    """A reply from request to end. ``generation`` is None until it is submitted.

    ``seed_text`` and ``seed_ids``: initial text and token ids of the node, if it continues an earlier reply.
    ``tip_before``: the tip to restore if nothing is generated. ``prefill``: processed and total prompt tokens.
    ``rows_before``: the model's row counter at submission. ``saved``: done when the question is on disk. ``prepare``:
    awaited before the prompt is built, which then has the passages that were found for the question; None afterwards.
    """

    node_id: str
    tip_before: str | None
    seed_text: str = ""
    seed_ids: tuple[int, ...] = ()
    generation: "TextStream | None" = None
    cancelled: bool = False
    aloud: bool = False  # show a notice when it has stopped
    prefill: tuple[int, int] | None = None
    prompt_tokens: int = 0
    reused_tokens: int = 0
    tokens: int = 0
    rows_before: int = 0
    streaming: bool = False  # the prompt is processed
    saved: "Future[None]" = field(default_factory=lambda: saved())
    prepare: "Callable[[Reply], Awaitable[None]] | None" = None
    _read_first: tuple[int, float] = (0, 0.0)  # processed prompt tokens when that was first known, and the time
    _read_last: float = 0.0

    def read(self, done: int, total: int, now: float) -> None:
        """Note the prompt's progress at this time."""
        if self.prefill is None:
            self._read_first = done, now
        self.prefill, self._read_last = (done, total), now

    @property
    def prompt_seconds_left(self) -> float | None:
        """Estimated time until the prompt is read; None until it can be told."""
        if self.prefill is None:
            return None
        (done, total), (first, began) = self.prefill, self._read_first
        seconds = self._read_last - began
        return (total - done) * seconds / (done - first) if seconds >= TELLING_SECONDS and done > first else None

    @property
    def generated(self) -> int:
        """Tokens so far, as whoever writes the reply counts them."""
        return 0 if self.generation is None else self.generation.stats.generated_tokens

    @property
    def first_token_seconds(self) -> float | None:
        """Time to first token in seconds, as measured by whoever writes it; None before."""
        return None if self.generation is None else self.generation.stats.first_token_seconds

    @property
    def tokens_per_second(self) -> float | None:
        """Generation speed; None until it can be measured."""
        if self.generation is None or (first := self.generation.stats.first_token_seconds) is None:
            return None
        stats = self.generation.stats
        return stats.tokens_per_second if stats.total_seconds - first >= TELLING_SECONDS else None

    def cancel(self) -> None:
        """Cancel; a reply that was not submitted yet never will be."""
        self.cancelled = True
        if self.generation is not None:
            self.generation.cancel()


def outcome_of(generation: "TextStream", finished: "Finished", model: str) -> Outcome:
    """Outcome to store with a reply. ``model``: the session's name of the model."""
    return _outcome(generation, finished.reason, finished.stats, model)


def stopped(generation: "TextStream", model: str) -> Outcome:
    """Outcome of a reply that ends here, before its end is heard of."""
    return _outcome(generation, "cancelled", generation.stats, model)


def interrupted(generation: "TextStream", model: str) -> Outcome:
    """Outcome of a reply that has failed in the middle; it can be continued."""
    return _outcome(generation, "interrupted", generation.stats, model)


def _outcome(generation: "TextStream", reason: str, stats: "Stats", model: str) -> Outcome:
    counts = asdict(stats)
    del counts["drafted_tokens"], counts["accepted_tokens"]  # of the machine, not of the reply
    return Outcome(reason=reason, params=asdict(generation.params), model=model, **counts)


def written_ids(generation: "TextStream | None") -> tuple[int, ...] | None:
    """Token ids of the generated text; None if the tokenizer cannot determine them."""
    from inference import InferenceError

    try:
        return tuple(generation.token_ids) if generation else ()
    except InferenceError:
        return None


def saved() -> "Future[None]":
    """A future that is done."""
    done: Future[None] = Future()
    done.set_result(None)
    return done
