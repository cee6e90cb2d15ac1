"""One request to read tokens that are known, and to report how probable each was."""

import math
import time
from collections.abc import Callable

import numpy as np

from inference.errors import InferenceError
from inference.kernels.reference import Floats
from inference.runtime.events import Finished, Prefill, Reason, Scored, Stats
from inference.runtime.request import Request, TokenSequence
from inference.runtime.sampling import NAN_LOGITS

# Bytes of logits in one pass: with large vocabularies, fewer tokens are read at a time.
LOGIT_BYTES = 2**25


class Scoring(Request):
    """Reads ``token_ids`` and reports a Scored event for each from ``start`` on, and one for what would come next.

    What the session's cache holds of the tokens before ``start`` is not computed again, except for the last of them.
    ``likeliest``: how many tokens each event names.
    """

    def __init__(
        self,
        session: TokenSequence,
        token_ids: list[int],
        start: int,
        likeliest: int,
        ahead: int,
        watched: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__(session, token_ids, ahead, watched)
        self.start = start
        self._likeliest = likeliest
        self._rows = max(1, LOGIT_BYTES // (4 * self.model.config.vocab_size))

    @property
    def token_ids(self) -> list[int]:
        """The tokens that are scored."""
        return self.prompt_ids[self.start :]

    # ---- for the engine

    @property
    def reusable(self) -> int:
        """See Request. The logits for the token at ``start`` come from the one before."""
        return self.start - 1

    @property
    def _unscored(self) -> int:
        """Tokens to read before the first logits that are wanted."""
        return max(0, self.start - 1 - self.session.cache.length)

    @property
    def most_at_once(self) -> int:
        """See Request."""
        return self._unscored or min(self.remaining, self._rows)

    @property
    def last_only(self) -> bool:
        """See Request."""
        return self._unscored > 0

    def advance(self, logits: Floats, seconds: float) -> int:
        """See Request."""
        total, length = len(self.prompt_ids), self.session.cache.length
        for place, row in enumerate(logits, length - len(logits) + 1):
            if place >= self.start:
                token_id = self.prompt_ids[place] if place < total else None
                self._emit(scored(row[: self.model.samplable], token_id, self._likeliest))
        self._emit(Prefill(total - self.reused_tokens - self.remaining, total - self.reused_tokens))
        if not self.remaining:
            self.finish("stop")
        return 0

    def finish(self, reason: Reason) -> None:
        """Report the end."""
        seconds = time.perf_counter() - self._submitted
        self._emit(Finished(reason, Stats(len(self.prompt_ids), self.reused_tokens, 0, None, seconds, 0)))


def scored(logits: Floats, token_id: int | None, count: int) -> Scored:
    """Find the ``count`` likeliest tokens, and the rank of ``token_id``, in ``logits`` [vocab_size] float32.

    Tokens that are equally likely are ranked by their ids. Raises InferenceError for NaN or infinite logits.
    """
    highest = float(logits.max())
    if not math.isfinite(highest):
        raise InferenceError(NAN_LOGITS)
    total = highest + math.log(float(np.exp(logits - np.float32(highest)).sum(dtype=np.float64)))
    count = min(count, len(logits))
    ids = np.flatnonzero(logits >= np.partition(logits, -count)[-count])
    ids = ids[np.argsort(-logits[ids], kind="stable")][:count]
    likeliest = tuple((int(id_), float(logits[id_]) - total) for id_ in ids)
    if token_id is None:
        return Scored(None, None, None, likeliest)
    own = logits[token_id]
    rank = 1 + int(np.count_nonzero(logits > own)) + int(np.count_nonzero(logits[:token_id] == own))
    return Scored(token_id, float(own) - total, rank, likeliest)
