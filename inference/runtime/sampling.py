"""Sampling: logits to a token id.

The samplers apply in this order: logit bias, repetition penalty, DRY, temperature, top-k, typical-p, top-p, min-p, XTC.
Temperature 0 takes the most likely token after the penalties. A token that begins a banned phrase (`banned_phrases.py`)
is excluded right after the bias, so that each sampler chooses among the others.
"""

import math
import secrets
from array import array
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from inference.errors import InferenceError
from inference.kernels.reference import Floats
from inference.runtime.dry import penalties
from inference.runtime.named_tokens import NO_NAMES, NamedTokens
from inference.runtime.sampling_params import SamplingParams

NAN_LOGITS = "The model produced NaN logits; its weights are corrupt or overflow in this precision."
# So many tokens are tried first for typical-p.
NEAREST = 256


class Draws:
    """Random numbers in [0, 1), one for each position: a token that is sampled again there has the same one."""

    def __init__(self, bits: np.random.BitGenerator) -> None:
        self._random = np.random.Generator(bits)
        self._drawn: list[float] = []

    def at(self, position: int) -> float:
        """The number of this position; those before it are drawn first."""
        while len(self._drawn) <= position:
            self._drawn.append(self._random.random())
        return self._drawn[position]


class Sampler:
    """Sampler state of one generation: parameters, random draws, tokens seen.

    ``vocab_size``: the number of ids that may be sampled, without padding rows of the embedding. ``names``: the tokens
    that the parameters mean.
    """

    def __init__(
        self, params: SamplingParams, vocab_size: int, seen: Iterable[int] = (), names: NamedTokens = NO_NAMES
    ) -> None:
        self.params = params
        self.seed = secrets.randbits(32) if params.seed is None else params.seed
        bits = np.random.PCG64(self.seed)
        # XTC has draws of its own: it leaves those of the tokens alone.
        self._draws, self._xtc_draws = Draws(bits), Draws(bits.jumped())
        self._vocab_size = vocab_size
        self._names = names
        self._biased = np.fromiter(names.bias, np.int64, len(names.bias))
        self._bias = np.fromiter(names.bias.values(), np.float32, len(names.bias))
        self._ids = array("q", seen)
        self._begin = len(self._ids)
        self._seen = self._distinct()
        self._excluded: dict[int, set[int]] = {}  # by position
        self._scratch: Floats | None = None

    @property
    def position(self) -> int:
        """Of the token that is sampled next: how many were sampled before it."""
        return len(self._ids) - self._begin

    def sample(self, logits: Floats) -> tuple[int, float]:
        """Sample from ``logits`` [vocab_size] float32 (not modified): a token id and its log probability (nats) before
        temperature and filters. Raises InferenceError for NaN or infinite logits.
        """
        logits = logits[: self._vocab_size]
        highest = float(logits.max())
        if not math.isfinite(highest):
            raise InferenceError(NAN_LOGITS)
        if self._scratch is None:
            self._scratch = np.empty_like(logits)
        scratch = self._scratch
        np.subtract(logits, highest, out=scratch)
        np.exp(scratch, out=scratch)
        log_total = math.log(float(scratch.sum(dtype=np.float64)))
        token = self._choose(logits, scratch)
        self._ids.append(token)
        self._seen[token] = None
        return token, float(logits[token]) - highest - log_total

    def take_back(self, count: int) -> bool:
        """Go back by ``count`` tokens; the first of them is not sampled there again.

        False if that leaves no token to sample.
        """
        place = len(self._ids) - count
        token = self._ids[place]
        del self._ids[place:]
        self._seen = self._distinct()
        # What was excluded later was excluded after other tokens.
        self._excluded = {at: ids for at, ids in self._excluded.items() if at <= self.position}
        excluded = self._excluded.setdefault(self.position, set())
        excluded.add(token)
        return len(excluded) < self._vocab_size

    def _distinct(self) -> dict[int, None]:
        return dict.fromkeys(id_ for id_ in self._ids if id_ < self._vocab_size)

    def _choose(self, logits: Floats, scratch: Floats) -> int:
        p = self.params
        np.copyto(scratch, logits)
        self._adjust(scratch)
        if p.temperature == 0:
            return int(scratch.argmax())
        # Subtract the maximum before dividing, so that a tiny temperature cannot overflow.
        scratch -= scratch.max()
        scratch /= max(_factor(p.temperature), np.float32(1e-6))
        weights = np.exp(scratch, out=scratch)
        ids = _candidates(weights, p)
        if p.xtc_probability and self._xtc_draws.at(self.position) < p.xtc_probability:
            _exclude_top_choices(weights, ids, p.xtc_threshold, self._names.spared)
        cumulative = np.cumsum(weights if ids is None else weights[ids], dtype=np.float64)
        index = int(np.searchsorted(cumulative, self._draws.at(self.position) * cumulative[-1], side="right"))
        index = min(index, len(cumulative) - 1)
        return index if ids is None else int(ids[index])

    def _adjust(self, logits: Floats) -> None:
        """Apply bias, exclusions and penalties, in place."""
        p = self.params
        if len(self._biased):
            logits[self._biased] += self._bias
        if excluded := self._excluded.get(self.position):
            logits[list(excluded)] = -math.inf
        if p.repetition_penalty != 1 and self._seen:
            seen = np.fromiter(self._seen, np.int64, len(self._seen))
            values = logits[seen]
            penalty = _factor(p.repetition_penalty)
            logits[seen] = np.where(values > 0, values / penalty, values * penalty)
        if p.dry_multiplier and len(self._ids):
            found = penalties(np.asarray(self._ids), p.dry_base, p.dry_allowed_length, self._names.breaks)
            for token, growth in found.items():
                if token < self._vocab_size:
                    logits[token] -= _factor(p.dry_multiplier * growth)


def _candidates(weights: Floats, p: SamplingParams) -> npt.NDArray[np.int64] | None:
    """The ids kept by top-k, typical-p, top-p and min-p, most likely first (ties by id); None for all of them.

    ``weights`` [vocab_size]: unnormalized probabilities with maximum 1.
    """
    size = len(weights)
    k = p.top_k if 0 < p.top_k < size else size
    total = float(weights.sum(dtype=np.float64))
    if k < size:
        floor = float(np.partition(weights, -k)[-k])
    elif p.typical_p < 1:
        floor = 0.0
    elif p.top_p < 1:
        floor = (1 - p.top_p) * total / size  # all below this together have less than 1 - top_p
    elif p.min_p > 0:
        floor = p.min_p
    else:
        return None
    ids = np.flatnonzero(weights >= np.float32(floor))
    if p.typical_p < 1:
        ids = _ranked(weights, ids)[:k] if k < size else ids
        ids = ids[_typical(weights[ids], p.typical_p)]
    ids = _ranked(weights, ids)[:k]
    kept = weights[ids]
    mass = np.cumsum(kept, dtype=np.float64)
    total = total if k == size and p.typical_p == 1 else float(mass[-1])
    nucleus = int(np.searchsorted(mass, p.top_p * total)) + 1
    likely = int(np.count_nonzero(kept >= np.float32(p.min_p) * kept[0]))
    return ids[: max(1, min(nucleus, likely))]


def _ranked(weights: Floats, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Sort ids by their weights, the highest first."""
    return ids[np.argsort(-weights[ids], kind="stable")]


def _typical(weights: Floats, mass: float) -> npt.NDArray[np.int64]:
    """Places of the weights whose information content is closest to the entropy, with ``mass`` of the total.

    ``weights``: unnormalized probabilities.
    """
    places = np.flatnonzero(weights)
    probabilities = weights[places].astype(np.float64)
    probabilities /= probabilities.sum()
    information = -np.log(probabilities)
    distances = np.abs(information - (probabilities * information).sum())
    near, count = np.arange(0), NEAREST
    while len(near) < len(places) and probabilities[near].sum() < mass:  # to sort all of them takes long
        furthest = np.partition(distances, count)[count] if count < len(places) else distances.max()
        near, count = np.flatnonzero(distances <= furthest), 8 * count
    near = near[np.argsort(distances[near], kind="stable")]
    kept = int(np.searchsorted(np.cumsum(probabilities[near]), mass)) + 1
    return places[near[:kept]]


def _exclude_top_choices(
    weights: Floats, ids: npt.NDArray[np.int64] | None, threshold: float, spared: frozenset[int]
) -> None:
    """Set the weights of all likely tokens but the least likely of them to zero, unless one of them is to be spared.

    ``ids``: those that may be sampled, most likely first; None for all.
    """
    among = weights if ids is None else weights[ids]
    places = np.flatnonzero(among >= threshold * float(among.sum(dtype=np.float64)))
    places = _ranked(among, places)[:-1]
    excluded = places if ids is None else ids[places]
    if spared.isdisjoint(excluded.tolist()):
        weights[excluded] = 0


def _factor(value: float) -> np.float32:
    """Clamp to the range of float32; more extreme values have the same effect."""
    return np.float32(min(max(value, 1e-30), 1e30))
