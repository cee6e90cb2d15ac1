"""Drafts that are made without regard to the time they take, so that a test does not depend on the machine."""

from collections.abc import Sequence

from inference.runtime.drafts import Drafts


class Eager(Drafts):
    """Drafts wherever anything is known, whether it pays or not."""

    def __init__(self, prompt_ids: Sequence[int], others: Sequence[Sequence[int]] = ()) -> None:
        super().__init__(prompt_ids, others)
        self._usual = 1.0

    def verified(self, drafted: int, accepted: int, seconds: float) -> None:
        super().verified(drafted, accepted, 0.0)  # it always pays
