"""The tokens of a model's vocabulary that sampling parameters mean."""

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from inference.errors import ParameterError
from inference.runtime.sampling_params import SamplingParams
from inference.text.tokenizer import Tokenizer

MOST_SHOWN = 8  # tokens, in an error


@dataclass(frozen=True)
class NamedTokens:
    """``bias``: by token id. ``breaks`` tells whether a repetition ends at a token. ``spared``: ids that XTC spares."""

    bias: Mapping[int, float] = field(default_factory=dict)
    breaks: Callable[[int], bool] = lambda id_: False
    spared: frozenset[int] = frozenset()

    @classmethod
    def of(
        cls, params: SamplingParams, tokenizer: Tokenizer, vocab_size: int, end_ids: frozenset[int]
    ) -> "NamedTokens":
        """Find the tokens. Raises ParameterError for a bias on one that the model does not have."""
        names = cls({_token_id(tokenizer, vocab_size, token): bias for token, bias in params.logit_bias})
        if params.dry_multiplier:
            names = replace(names, breaks=functools.cache(_breaker(tokenizer, params.dry_breakers)))
        if params.xtc_probability:
            names = replace(names, spared=end_ids.union(tokenizer.encode_continuation("\n")[-1:]))
        return names


NO_NAMES = NamedTokens()


def _breaker(tokenizer: Tokenizer, breakers: Sequence[str]) -> Callable[[int], bool]:
    """As in DRY's first implementation, the last token of a breaker ends a repetition; so does one that contains it."""
    last = {ids[-1] for text in breakers if (ids := tokenizer.encode_continuation(text))}

    def breaks(id_: int) -> bool:
        if id_ in last or id_ in tokenizer.control_ids:
            return True
        text = tokenizer.decode([id_])
        return any(breaker in text for breaker in breakers)

    return breaks


def _token_id(tokenizer: Tokenizer, vocab_size: int, token: str | int) -> int:
    if isinstance(token, int):
        if token < vocab_size:
            return token
        raise ParameterError(f"The logit bias names token {token}, but this model has tokens 0 to {vocab_size - 1}.")
    ids = tokenizer.encode_continuation(token)
    if len(ids) == 1:
        return ids[0]
    pieces = " ".join(json.dumps(tokenizer.decode([id_]), ensure_ascii=False) for id_ in ids[:MOST_SHOWN])
    raise ParameterError(
        f"The logit bias names {json.dumps(token, ensure_ascii=False)}, which is not one token of this model: it is "
        f"written as {pieces}{' …' if len(ids) > MOST_SHOWN else ''}. Name one of these, or ban the phrase."
    )
