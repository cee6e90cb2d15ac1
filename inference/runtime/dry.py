"""DRY ("don't repeat yourself"): penalties on tokens that would continue a repetition.

By p-e-w, text-generation-webui pull request 5677: the longer the sequence of tokens that stands at the end of the text
and somewhere before, the higher the penalty on the token that followed it there.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

# Tokens of a repetition that count: as in the first implementation, so that the penalty does not overflow.
LONGEST = 50


def penalties(ids: npt.NDArray[np.int64], base: float, allowed: int, breaks: Callable[[int], bool]) -> dict[int, float]:
    """Return ``base ** (n - allowed)`` for each token that followed a sequence of n tokens which ends ``ids`` too.

    Of several sequences the longest counts, and only if it has ``allowed`` tokens at least. It never goes beyond a
    token that ``breaks``, and such a token has no penalty.
    """
    lengths: dict[int, int] = {}
    ends = np.flatnonzero(ids[:-1] == ids[-1])
    for length in range(1, LONGEST + 1):
        if not len(ends) or breaks(int(ids[-length])):
            break
        if length >= allowed:
            lengths |= dict.fromkeys(ids[ends + 1].tolist(), length)
        ends = ends[ends >= length]
        ends = ends[ids[ends - length] == ids[-length - 1]]
    return {token: base ** (length - allowed) for token, length in lengths.items() if not breaks(token)}
