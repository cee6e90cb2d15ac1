"""Streaming detokenizer: token ids to text without incomplete characters."""

from collections.abc import Sequence

from inference.text.common_prefix import common_prefix
from inference.text.tokenizer import Tokenizer

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# Context for decoding: a word at the beginning of a text loses its leading blank.
CONTEXT_TOKENS = 8
# A character has at most four bytes and a token at least one.
MAX_WAITING = 3
# Text before ids in a check, and the maximum number of ids decoded one by one.
BEFORE, MAX_BROKEN = "\n", 2**14


class StreamingDetokenizer:
    """Converts ids one at a time; the returned pieces concatenate to the text that they add to the prompt."""

    def __init__(
        self, tokenizer: Tokenizer, prompt_ids: Sequence[int] = (), shown_ids: frozenset[int] = frozenset()
    ) -> None:
        """``shown_ids``: control tokens that are text here."""
        self._tokenizer = tokenizer
        self._hidden_ids = tokenizer.hidden_ids - shown_ids
        self._ids, self._shown = self._window(prompt_ids)
        self._text = self._shown
        self._waiting = 0

    def push(self, token_id: int) -> str:
        """Add an id; returns the completed text, empty while a character is incomplete."""
        self._ids.append(token_id)
        self._text = self._decode(self._ids)
        if not self._text.startswith(self._shown):  # completes a character of the prompt
            self._shown = self._shown.rstrip(REPLACEMENT)
        certain = self._text.rstrip(REPLACEMENT)
        broken = len(certain) < len(self._text)
        self._waiting = self._waiting + 1 if broken else 0
        if self._waiting > MAX_WAITING:  # invalid bytes that cannot be completed
            certain = self._text[:-MAX_WAITING]
        new = certain[len(self._shown) :]
        self._shown += new
        if not broken and len(self._ids) > 4 * CONTEXT_TOKENS:
            self._ids, self._shown = self._window(self._ids)
            self._text = self._shown
        return new

    @property
    def waiting(self) -> bool:
        """True while a character is incomplete."""
        return self._waiting > 0

    def flush(self) -> str:
        """The withheld text; an incomplete character becomes U+FFFD."""
        rest = self._text[len(self._shown) :]
        self._shown += rest
        return rest

    def _window(self, ids: Sequence[int]) -> tuple[list[int], str]:
        """The last ids and their text, starting at a character boundary: keeps the cost per token constant."""
        for start in range(max(0, len(ids) - CONTEXT_TOKENS), len(ids)):
            text = self._decode(ids[start:])
            if not text.startswith(REPLACEMENT):
                return list(ids[start:]), text
        return [], ""

    def _decode(self, ids: Sequence[int]) -> str:
        return self._tokenizer.decode([id_ for id_ in ids if id_ not in self._hidden_ids], skip_special_tokens=False)


def tokens_within(tokenizer: Tokenizer, prompt_ids: Sequence[int], ids: Sequence[int], length: int) -> tuple[int, str]:
    """Number of leading ``ids`` (after ``prompt_ids``) that form at most ``length`` complete characters; their text."""
    detokenizer = StreamingDetokenizer(tokenizer, prompt_ids)
    count, text, written = 0, "", ""
    for number, token_id in enumerate(ids, 1):
        written += detokenizer.push(token_id)
        if len(written) > length:
            break
        if not detokenizer.waiting:
            count, text = number, written
    return count, text


def texts_of(tokenizer: Tokenizer, before: Sequence[int], ids: Sequence[int]) -> list[str]:
    """Return the text that becomes certain with each of ``ids``, which come after those ``before``.

    It is empty for control tokens and within a character; what is no character at the end is U+FFFD.
    """
    detokenizer = StreamingDetokenizer(tokenizer, before)
    texts = [detokenizer.push(token_id) for token_id in ids]
    return [*texts[:-1], texts[-1] + detokenizer.flush()] if texts else []


def text_after(tokenizer: Tokenizer, before: Sequence[int], ids: Sequence[int]) -> str:
    """Return the text that ``ids`` add after those ``before``, control tokens as they are written."""
    detokenizer = StreamingDetokenizer(tokenizer, before, frozenset(ids))
    return "".join(map(detokenizer.push, ids)) + detokenizer.flush()


def rewritten(tokenizer: Tokenizer, ids: Sequence[int], text: str, new: str) -> list[int]:
    """Return ids for ``new``, a text that was edited from ``text``: ``ids`` as far as both begin alike.

    Empty if ``ids`` do not stand for ``text``, or if a tag comes after the edit: only a template encodes tags.
    """
    ids = without_end(tokenizer, ids)
    if not stand_for(tokenizer, ids, text):
        return []
    before = tokenizer.encode(BEFORE, add_special_tokens=False)
    count, kept = tokens_within(tokenizer, before, ids, common_prefix(text, new))
    rest = new[len(kept) :]
    if not new.startswith(kept) or any(tag in rest for tag in tokenizer.tags):
        return []
    return [*ids[:count], *(tokenizer.encode_continuation(rest) if rest else [])]


def without_end(tokenizer: Tokenizer, ids: Sequence[int]) -> list[int]:
    """``ids`` without the control tokens at their end."""
    end = len(ids)
    while end and ids[end - 1] in tokenizer.hidden_ids:
        end -= 1
    return list(ids[:end])


def stand_for(tokenizer: Tokenizer, ids: Sequence[int], text: str) -> bool:
    """True if ``ids`` are ordinary tokens that decode to ``text``.

    Checked because ids may come from an imported session or a modified database.
    """
    if not ids or len(ids) > 4 * len(text) + MAX_WAITING or not tokenizer.ordinary(ids):
        return False
    # After other text a word keeps its leading blank.
    before = tokenizer.encode(BEFORE, add_special_tokens=False)
    if text in (tokenizer.decode(ids), tokenizer.decode([*before, *ids]).removeprefix(tokenizer.decode(before))):
        return True
    # Invalid bytes decode differently one at a time.
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
    """Decode as when streaming."""
    detokenizer = StreamingDetokenizer(tokenizer, prompt_ids)
    return "".join(map(detokenizer.push, ids)) + detokenizer.flush()
