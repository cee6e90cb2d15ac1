"""Banned phrases: the model writes one, it is taken back to its first token, and another is sampled there.

By turboderp, as the ``banned_strings`` of ExLlamaV2's dynamic generator. Phrases are found in the text, so that it does
not matter which tokens write them, in any case. Tokens in which one could begin are withheld until none can.
"""

from collections.abc import Sequence
from typing import NamedTuple

from inference.text.detokenizer import MAX_WAITING, StreamingDetokenizer
from inference.text.tokenizer import Tokenizer


class Withheld(NamedTuple):
    """A sampled token. ``text``: casefolded; a character of several tokens is the last one's, the others ``wait``."""

    token_id: int
    logprob: float
    text: str
    waits: bool


class BannedPhrases:
    """The tokens that are withheld, in which ``phrases`` are looked for. A phrase may begin in the prompt."""

    def __init__(
        self,
        phrases: Sequence[str],
        tokenizer: Tokenizer,
        prompt_ids: Sequence[int],
        shown_ids: frozenset[int] = frozenset(),
    ) -> None:
        """``shown_ids``: control tokens that are text here."""
        self._phrases: dict[str, list[str]] = {}  # by their first character
        for phrase in map(str.casefold, phrases):
            self._phrases.setdefault(phrase[0], []).append(phrase)
        self._tokenizer = tokenizer
        self._shown_ids = shown_ids
        self._ids = list(prompt_ids)
        self._detokenizer = self._new_detokenizer()
        longest = max(map(len, phrases), default=0)
        self._before = self._end_of(prompt_ids, longest)  # text in which a phrase may have begun
        self._withheld: list[Withheld] = []

    @property
    def count(self) -> int:
        """How many tokens are withheld."""
        return len(self._withheld)

    def push(self, token_id: int, logprob: float) -> int:
        """Withhold a token. Returns how many tokens, from the first one of a phrase on, have to be taken back."""
        self._ids.append(token_id)
        text = self._detokenizer.push(token_id).casefold()
        self._withheld.append(Withheld(token_id, logprob, text, self._detokenizer.waiting))
        start = self._last_phrase()
        if start is None:
            return 0
        kept = self._tokens_before(start)
        count = len(self._withheld) - kept
        del self._withheld[kept:], self._ids[-count:]
        self._detokenizer = self._new_detokenizer()
        return count

    def release(self) -> list[tuple[int, float]]:
        """Return the ids and log probabilities of the tokens in which no phrase can begin any more."""
        return self._pop(self._tokens_before(self._first_beginning()))

    def flush(self) -> list[tuple[int, float]]:
        """Return those of all tokens: nothing follows them that could make a phrase of them."""
        return self._pop(len(self._withheld))

    def _pop(self, count: int) -> list[tuple[int, float]]:
        popped, self._withheld = self._withheld[:count], self._withheld[count:]
        if popped:
            self._before = ""
        return [(token.token_id, token.logprob) for token in popped]

    @property
    def _text(self) -> str:
        return self._before + "".join(token.text for token in self._withheld)

    def _last_phrase(self) -> int | None:
        """Where the last of the phrases begins in the text: of several, as little as possible is taken back."""
        text, prompt = self._text, len(self._before)
        for start in reversed(range(len(text))):
            for phrase in self._phrases.get(text[start], ()):
                # One that is in the prompt as a whole is nothing that was written.
                if text.startswith(phrase, start) and start + len(phrase) > prompt:
                    return start
        return None

    def _first_beginning(self) -> int:
        """Where the text ends in what could become a phrase; its length if nowhere."""
        text = self._text
        for start, character in enumerate(text):
            if phrases := self._phrases.get(character):
                rest = text[start:]
                if any(phrase.startswith(rest) for phrase in phrases):
                    return start
        return len(text)

    def _tokens_before(self, start: int) -> int:
        """The number of withheld tokens before the one in whose text, or in whose character, ``start`` is."""
        count, end = 0, len(self._before)
        for token in self._withheld:
            end += len(token.text)
            if end > start:
                break
            count += 1
        first = max(0, count - MAX_WAITING)
        while count > first and self._withheld[count - 1].waits:
            count -= 1
        return count

    def _new_detokenizer(self) -> StreamingDetokenizer:
        return StreamingDetokenizer(self._tokenizer, self._ids, self._shown_ids)

    def _end_of(self, prompt_ids: Sequence[int], length: int) -> str:
        """The end of the prompt's text, casefolded, after its last control token; about ``length`` characters."""
        ids: list[int] = []
        for id_ in reversed(prompt_ids[max(0, len(prompt_ids) - length) :]):
            if id_ in self._tokenizer.hidden_ids:
                break
            ids.append(id_)
        return self._tokenizer.decode(ids[::-1])[-length:].casefold() if ids else ""
