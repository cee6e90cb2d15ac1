"""One reply on its way, from the moment it is asked for."""

from concurrent.futures import Future
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from tui.conversation.tree import Outcome
from tui.services.notices import Busy

if TYPE_CHECKING:
    from inference import Finished, Generation


BUSY = Busy("Still generating. Press Esc to stop.")
# The speed of fewer seconds is a matter of luck.
TELLING_SECONDS = 0.5


@dataclass(eq=False)
class Reply:
    """What is known of a reply while it comes. ``generation`` is None until the engine has been asked.

    ``seed_text`` and ``seed_ids``: what its node began with, where it continues an earlier reply. ``tip_before``: where
    the conversation stood, should nothing come of it. ``saved``: done when the question is on disk.
    """

    node_id: str
    tip_before: str | None
    seed_text: str = ""
    seed_ids: tuple[int, ...] = ()
    generation: "Generation | None" = None
    cancelled: bool = False
    aloud: bool = False  # that it was stopped is to be told
    prefill: tuple[int, int] | None = None
    prompt_tokens: int = 0
    reused_tokens: int = 0
    tokens: int = 0
    rows_before: int = 0
    streaming: bool = False  # tokens are coming
    saved: "Future[None]" = field(default_factory=lambda: saved())

    @property
    def first_token_seconds(self) -> float | None:
        """As the engine measured it, here and in what is kept of the reply."""
        return None if self.generation is None else self.generation.stats.first_token_seconds

    @property
    def tokens_per_second(self) -> float | None:
        """None while too little was written to tell."""
        if self.generation is None or (first := self.generation.stats.first_token_seconds) is None:
            return None
        stats = self.generation.stats
        return stats.tokens_per_second if stats.total_seconds - first >= TELLING_SECONDS else None

    def cancel(self) -> None:
        """Stop as soon as can be; before the engine was asked, it never is."""
        self.cancelled = True
        if self.generation is not None:
            self.generation.cancel()


def outcome_of(generation: "Generation", finished: "Finished", model: str) -> Outcome:
    """How a reply of this model came to its end, to be kept with it."""
    return Outcome(reason=finished.reason, params=asdict(generation.params), model=model, **asdict(finished.stats))


def saved() -> "Future[None]":
    """That there is nothing to wait for."""
    done: Future[None] = Future()
    done.set_result(None)
    return done
