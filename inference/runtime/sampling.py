"""Sampling: logits to a token id.

The samplers apply in this order: repetition penalty (arXiv 1909.05858), temperature,
top-k, top-p (arXiv 1904.09751), min-p (arXiv 2407.01082). Temperature 0 takes the most likely token after the penalty.
"""

import math
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.checkpoint.generation_config import BOUNDS, fault, faults, recommended, shown
from inference.errors import InferenceError, ParameterError
from inference.kernels.reference import Floats

MOST_STOPS, LONGEST_STOP = 100, 1000
# For models that recommend nothing: with the whole distribution, small ones write nonsense.
USUAL = {"temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.05}


@dataclass(frozen=True)
class SamplingParams:
    """Sampling and stopping parameters.

    ``top_k`` 0, ``top_p`` 1, ``min_p`` 0 and ``repetition_penalty`` 1 are off. ``seed`` None: random. ``max_tokens``
    None: up to the end of the context. ``stop`` strings end the reply and are not included in it. Raises
    ParameterError for a value out of range.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    seed: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()

    @classmethod
    def from_generation_config(cls, values: Mapping[str, Any], chosen: Mapping[str, Any] = {}) -> "SamplingParams":
        """Parameters from a model's ``generation_config.json``; USUAL ones if it recommends no temperature.

        Invalid ones are ignored (``Model.warnings`` names them). ``chosen``: overrides by the user, which raise
        ParameterError if they are invalid.
        """
        found, wrong = recommended(values), faults(values)
        found = {name: value for name, value in found.items() if name not in wrong}
        # Who recommends a temperature means the rest as it is: what is not said is off.
        usual = USUAL if values.get("temperature") is None or "temperature" in wrong else {}
        return cls(**{**usual, **found, **chosen})

    def __post_init__(self) -> None:
        stop = (self.stop,) if isinstance(self.stop, str) else self.stop
        if isinstance(stop, list | tuple):
            object.__setattr__(self, "stop", tuple(stop))
        for name in BOUNDS:
            value = getattr(self, name)
            if (value is not None or name not in ("seed", "max_tokens")) and (why := fault(name, value)):
                raise ParameterError(why)
        texts = isinstance(stop, list | tuple) and all(isinstance(text, str) and text for text in stop)
        if not texts or len(stop) > MOST_STOPS or max(map(len, stop), default=0) > LONGEST_STOP:
            raise ParameterError(
                f"Invalid stop {shown(self.stop)} (must be at most {MOST_STOPS} non-empty strings of at most "
                f"{LONGEST_STOP} characters)."
            )


class Sampler:
    """Sampler state of one generation: parameters, random generator, tokens seen.

    ``vocab_size``: the number of ids that may be sampled, without padding rows of the embedding.
    """

    def __init__(self, params: SamplingParams, vocab_size: int, seen: Iterable[int] = ()) -> None:
        self.params = params
        self.seed = secrets.randbits(32) if params.seed is None else params.seed
        self._random = np.random.Generator(np.random.PCG64(self.seed))
        self._vocab_size = vocab_size
        self._seen = dict.fromkeys(id_ for id_ in seen if id_ < vocab_size)
        self._scratch: Floats | None = None

    def sample(self, logits: Floats) -> tuple[int, float]:
        """Sample from ``logits`` [vocab_size] float32 (not modified): a token id and its log probability (nats) before
        temperature and filters. Raises InferenceError for NaN or infinite logits.
        """
        logits = logits[: self._vocab_size]
        highest = float(logits.max())
        if not math.isfinite(highest):
            raise InferenceError(
                "The model produced NaN logits; its weights are corrupt or overflow in this precision."
            )
        if self._scratch is None:
            self._scratch = np.empty_like(logits)
        scratch = self._scratch
        np.subtract(logits, highest, out=scratch)
        np.exp(scratch, out=scratch)
        log_total = math.log(float(scratch.sum(dtype=np.float64)))
        token = self._choose(logits, scratch)
        self._seen[token] = None
        return token, float(logits[token]) - highest - log_total

    def _choose(self, logits: Floats, scratch: Floats) -> int:
        p = self.params
        np.copyto(scratch, logits)
        if p.repetition_penalty != 1 and self._seen:
            seen = np.fromiter(self._seen, np.int64, len(self._seen))
            values = scratch[seen]
            penalty = _factor(p.repetition_penalty)
            scratch[seen] = np.where(values > 0, values / penalty, values * penalty)
        if p.temperature == 0:
            return int(scratch.argmax())
        # Subtract the maximum before dividing, so that a tiny temperature cannot overflow.
        scratch -= scratch.max()
        scratch /= max(_factor(p.temperature), np.float32(1e-6))
        weights = np.exp(scratch, out=scratch)
        ids = _candidates(weights, p)
        cumulative = np.cumsum(weights if ids is None else weights[ids], dtype=np.float64)
        index = int(np.searchsorted(cumulative, self._random.random() * cumulative[-1], side="right"))
        index = min(index, len(cumulative) - 1)
        return index if ids is None else int(ids[index])


def _candidates(weights: Floats, p: SamplingParams) -> npt.NDArray[np.int64] | None:
    """The ids kept by top-k, top-p and min-p, most likely first (ties by id); None for all of them.

    ``weights`` [vocab_size]: unnormalized probabilities with maximum 1.
    """
    size = len(weights)
    k = p.top_k if 0 < p.top_k < size else size
    total = float(weights.sum(dtype=np.float64))
    if k < size:
        floor = float(np.partition(weights, -k)[-k])
    elif p.top_p < 1:
        floor = (1 - p.top_p) * total / size  # all below this together have less than 1 - top_p
    elif p.min_p > 0:
        floor = p.min_p
    else:
        return None
    ids = np.flatnonzero(weights >= np.float32(floor))
    ids = ids[np.argsort(-weights[ids], kind="stable")][:k]
    kept = weights[ids]
    mass = np.cumsum(kept, dtype=np.float64)
    total = total if k == size else float(mass[-1])
    nucleus = int(np.searchsorted(mass, p.top_p * total)) + 1
    likely = int(np.count_nonzero(kept >= np.float32(p.min_p)))
    return ids[: max(1, min(nucleus, likely))]


def _factor(value: float) -> np.float32:
    """Clamp to the range of float32; more extreme values have the same effect."""
    return np.float32(min(max(value, 1e-30), 1e30))
