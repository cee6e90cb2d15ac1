"""Finds the longest beginning of a prompt that a session has computed already, whoever computed it.

As in vLLM's automatic prefix caching, blocks of token ids are compared by chained hashes (arXiv 2309.06180): equal ones
stand for equal blocks from the beginning on. What is found is compared id by id before it is used.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

from inference.text.common_prefix import common_prefix

# Token ids of a block; of the cache's own, larger blocks the last may be shared in part.
STRIDE = 64


class Held(NamedTuple):
    """The token ids that a cache holds, and the hashes of their blocks."""

    token_ids: Sequence[int]
    hashes: Sequence[int]


class BlockHashes:
    """The chained hashes of the whole blocks of token ids, which may grow and be cut."""

    def __init__(self) -> None:
        self._hashes: list[int] = []

    def cut(self, length: int) -> None:
        """Forget what is not of the first ``length`` ids."""
        del self._hashes[length // STRIDE :]

    def of(self, token_ids: Sequence[int]) -> list[int]:
        """The hashes of the blocks; those known before are not computed again."""
        self.cut(len(token_ids))
        for start in range(len(self._hashes) * STRIDE, len(token_ids) - STRIDE + 1, STRIDE):
            before = self._hashes[-1] if self._hashes else 0
            self._hashes.append(hash((before, *token_ids[start : start + STRIDE])))
        return self._hashes


H = TypeVar("H")


def longest_prefix(holders: Iterable[tuple[H, Held]], prompt_ids: Sequence[int]) -> tuple[H | None, int]:
    """Return who holds the longest beginning of ``prompt_ids``, and its length.

    It is not all of them: the last one has to be computed, because its logits are needed.
    """
    hashes = BlockHashes().of(prompt_ids)
    best, most = None, 0
    for holder, held in holders:
        limit = min(len(held.token_ids), len(prompt_ids) - 1)
        start = STRIDE * common_prefix(held.hashes, hashes[: limit // STRIDE])
        length = start + common_prefix(held.token_ids[start : min(start + STRIDE, limit)], prompt_ids[start:])
        if length > most and held.token_ids[:start] == prompt_ids[:start]:
            best, most = holder, length
    return best, most
