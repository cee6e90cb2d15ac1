"""Token ids to text as they come, never half a character."""

from collections.abc import Sequence

from inference.text.tokenizer import Tokenizer

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# Tokens before the first new one that decide how it is spaced (a word that begins a text loses its blank).
CONTEXT_TOKENS = 8
# A character has at most four bytes and a token at least one, so that at most three tokens wait for the rest.
MAX_WAITING = 3
# What ids are tried behind, and how many are tried one at a time at most.
BEFORE, MAX_BROKEN = "\n", 2**14


class StreamingDetokenizer:
    """Feed it ids one at a time; the texts it returns, joined, are the text that those ids add to the ones before."""

    def __init__(self, tokenizer: Tokenizer, prompt_ids: Sequence[int] = ()) -> None:
        self._tokenizer = tokenizer
        self._ids, self._shown = self._window(prompt_ids)
        self._text = self._shown
        self._waiting = 0

    def push(self, token_id: int) -> str:
        """The text that became certain; empty while a character is incomplete."""
        self._ids.append(token_id)
        self._text = self._tokenizer.decode(self._ids)
        if not self._text.startswith(self._shown):  # half a character at the end of the prompt is being completed
            self._shown = self._shown.rstrip(REPLACEMENT)
        certain = self._text.rstrip(REPLACEMENT)
        broken = len(certain) < len(self._text)
        self._waiting = self._waiting + 1 if broken else 0
        if self._waiting > MAX_WAITING:  # no character takes that long: what began first will never be mended
            certain = self._text[:-MAX_WAITING]
        new = certain[len(self._shown) :]
        self._shown += new
        if not broken and len(self._ids) > 4 * CONTEXT_TOKENS:
            self._ids, self._shown = self._window(self._ids)
            self._text = self._shown
        return new

    @property
    def waiting(self) -> bool:
        """Whether the last id left a character incomplete."""
        return self._waiting > 0

    def flush(self) -> str:
        """What was withheld: an incomplete character comes out as the replacement character."""
        rest = self._text[len(self._shown) :]
        self._shown += rest
        return rest

    def _window(self, ids: Sequence[int]) -> tuple[list[int], str]:
        """The last ids and their text, not beginning inside a character: the cost of a token stays flat."""
        for start in range(max(0, len(ids) - CONTEXT_TOKENS), len(ids)):
            text = self._tokenizer.decode(ids[start:])
            if not text.startswith(REPLACEMENT):
                return list(ids[start:]), text
        return [], ""


def tokens_within(tokenizer: Tokenizer, prompt_ids: Sequence[int], ids: Sequence[int], length: int) -> tuple[int, str]:
    """How many of the first ``ids``, written after ``prompt_ids``, make whole characters and no more than ``length`` of
    them; and their text.
    """
    detokenizer = StreamingDetokenizer(tokenizer, prompt_ids)
    count, text, written = 0, "", ""
    for number, token_id in enumerate(ids, 1):
        written += detokenizer.push(token_id)
        if len(written) > length:
            break
        if not detokenizer.waiting:
            count, text = number, written
    return count, text


def stand_for(tokenizer: Tokenizer, ids: Sequence[int], text: str) -> bool:
    """Whether ``ids`` say ``text`` and nothing else: all in the vocabulary, none a control token, decoded to it.

    Who wrote them is not asked: a session may have been imported, or its database changed by another program.
    """
    if not ids or len(ids) > 4 * len(text) + MAX_WAITING or not tokenizer.ordinary(ids):
        return False
    # Behind other text a word keeps the blank that it loses where a text begins.
    before = tokenizer.encode(BEFORE, add_special_tokens=False)
    if text in (tokenizer.decode(ids), tokenizer.decode([*before, *ids]).removeprefix(tokenizer.decode(before))):
        return True
    # Bytes that make no character look otherwise one at a time.
    return (
        REPLACEMENT in text
        and len(ids) <= MAX_BROKEN
        and text
        in (
            _streamed(tokenizer, [], ids),
            _streamed(tokenizer, before, ids),
        )
    )


def _streamed(tokenizer: Tokenizer, prompt_ids: Sequence[int], ids: Sequence[int]) -> str:
    """The text as it came when it was generated."""
    detokenizer = StreamingDetokenizer(tokenizer, prompt_ids)
    return "".join(map(detokenizer.push, ids)) + detokenizer.flush()
