"""Log probabilities of sampled tokens, in the two forms of the API."""

from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from inference import Tokenizer

# Text before a token when it is decoded alone: a word at the beginning would lose its leading blank.
BEFORE = "\n"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True)
class SampledToken:
    """``text`` has replacement characters where the token is only a part of a character."""

    text: str
    logprob: float

    @property
    def for_chat(self) -> dict[str, Any]:
        """The entry of a chat completion. ``bytes`` is null where the text does not tell them."""
        known = None if REPLACEMENT in self.text else list(self.text.encode())
        return {"token": self.text, "logprob": self.logprob, "bytes": known, "top_logprobs": []}


class TokenTexts:
    """Texts of single tokens as they stand after other text."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._before = tokenizer.encode(BEFORE, add_special_tokens=False)
        self._prefix = tokenizer.decode(self._before)

    def sampled(self, token_id: int, logprob: float) -> SampledToken:
        """The token with its text."""
        return SampledToken(self._tokenizer.decode([*self._before, token_id]).removeprefix(self._prefix), logprob)


def for_completion(tokens: list[SampledToken], offset: int) -> dict[str, Any]:
    """The object of a text completion. ``offset``: of the first token in the text, in characters."""
    offsets = accumulate((len(token.text) for token in tokens), initial=offset)
    return {
        "tokens": [token.text for token in tokens],
        "token_logprobs": [token.logprob for token in tokens],
        "top_logprobs": None,
        "text_offset": list(offsets)[: len(tokens)],
    }
