"""Short tokens that stand for long pastes in the input."""

import re
from itertools import count

# Longer pastes are shown as tokens.
MAX_LINES, MAX_CHARACTERS = 8, 1000
# Longer texts are never laid out: ten million characters would take half a minute.
MAX_SHOWN = 50_000
# Pastes kept although their tokens are not in the input.
KEPT = 20


class Pasted:
    """The tokens and the texts they stand for."""

    def __init__(self) -> None:
        self._blocks: dict[str, str] = {}

    def collapse(self, text: str) -> str:
        """Return a token for a long text, a short text unchanged."""
        lines = text.count("\n") + 1
        if lines <= MAX_LINES and len(text) <= MAX_CHARACTERS:
            return text
        return self._token(text)

    def restore(self, text: str, clipboard: str = "") -> str:
        """Replace known blocks by their tokens, and the whole by one if it is still too long.

        Tokens that are neither in the text nor in ``clipboard`` are forgotten, except the last KEPT, for drafts that
        are shown again.
        """
        shown = text
        for token, block in self._blocks.items():
            shown = shown.replace(block, token)
        if len(shown) > MAX_SHOWN:
            shown = self._token(text)
        for token in [token for token in self._blocks if token not in shown and token not in clipboard][:-KEPT]:
            del self._blocks[token]
        return shown

    def _token(self, text: str) -> str:
        """The token of a text, reused if the text is known."""
        lines = text.count("\n") + 1
        size = f"{lines} lines" if lines > 1 else f"{len(text)} characters"
        for token, block in self._blocks.items():
            if block == text:
                return token
        number = next(number for number in count(1) if not any(f" {number}:" in token for token in self._blocks))
        token = f"[pasted {number}: {size}]"
        self._blocks[token] = text
        return token

    def stands_in(self, text: str) -> bool:
        """True if the text has a token. Asked for each key: nothing is expanded for it."""
        return any(token in text for token in self._blocks)

    def expand(self, text: str) -> str:
        """Replace tokens by their texts. An edited token is plain text."""
        if not self._blocks:
            return text
        tokens = re.compile("|".join(map(re.escape, self._blocks)))
        return tokens.sub(lambda found: self._blocks[found[0]], text)  # one pass: a token inside a block is text
