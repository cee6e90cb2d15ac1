"""One reply on its way, from the moment it is asked for."""

import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from tui.conversation.tree import Outcome

if TYPE_CHECKING:
    from inference import Finished, Generation


@dataclass(eq=False)
class Reply:
    """What is known of a reply while it comes. ``generation`` is None until the engine has been asked.

    ``seed_text`` and ``seed_ids``: what its node began with, where it continues an earlier reply. ``tip_before``: where
    the conversation stood, should nothing come of it.
    """

    node_id: str
    tip_before: str | None
    seed_text: str = ""
    seed_ids: tuple[int, ...] = ()
    generation: "Generation | None" = None
    cancelled: bool = False
    prefill: tuple[int, int] | None = None
    prompt_tokens: int = 0
    reused_tokens: int = 0
    tokens: int = 0
    rows_before: int = 0
    asked_at: float = field(default_factory=time.monotonic)
    first_token_at: float | None = None

    @property
    def streaming(self) -> bool:
        """Whether tokens are coming."""
        return self.first_token_at is not None

    @property
    def first_token_seconds(self) -> float | None:
        return None if self.first_token_at is None else self.first_token_at - self.asked_at

    @property
    def tokens_per_second(self) -> float | None:
        if self.first_token_at is None or self.tokens < 2:
            return None
        return (self.tokens - 1) / max(1e-3, time.monotonic() - self.first_token_at)

    def cancel(self) -> None:
        """Stop as soon as can be; before the engine was asked, it never is."""
        self.cancelled = True
        if self.generation is not None:
            self.generation.cancel()


def outcome_of(generation: "Generation", finished: "Finished", model: str) -> Outcome:
    """How a reply of this model came to its end, to be kept with it."""
    return Outcome(reason=finished.reason, params=asdict(generation.params), model=model, **asdict(finished.stats))
