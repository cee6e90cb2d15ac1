"""Long pastes, which stand in the input as a short token each."""

import re
from itertools import count

# More than this is not read again where it was pasted; it only hides what one writes around it.
MAX_LINES, MAX_CHARACTERS = 8, 1000
# More than this, however it came to be, is not laid out: ten million characters would take half a minute.
MAX_SHOWN = 50_000
# Pastes that are kept although they do not stand in the input.
KEPT = 20


class Pasted:
    """The tokens that were given out, and what each stands for."""

    def __init__(self) -> None:
        self._blocks: dict[str, str] = {}

    def collapse(self, text: str) -> str:
        """A token for a long text, a short text as it is."""
        lines = text.count("\n") + 1
        if lines <= MAX_LINES and len(text) <= MAX_CHARACTERS:
            return text
        return self._token(text)

    def restore(self, text: str, clipboard: str = "") -> str:
        """A text that was expanded, with its tokens again; all of it as one, where that is still too much to show.

        It takes the place of what was there: of the tokens that are neither in it nor in ``clipboard``, the last ones
        are kept, for drafts that come back.
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
        """The same text has the same token."""
        lines = text.count("\n") + 1
        size = f"{lines} lines" if lines > 1 else f"{len(text)} characters"
        for token, block in self._blocks.items():
            if block == text:
                return token
        number = next(number for number in count(1) if not any(f" {number}:" in token for token in self._blocks))
        token = f"[pasted {number}: {size}]"
        self._blocks[token] = text
        return token

    def expand(self, text: str) -> str:
        """The text with what its tokens stand for. A token that was changed is text like any other."""
        if not self._blocks:
            return text
        tokens = re.compile("|".join(map(re.escape, self._blocks)))
        return tokens.sub(lambda found: self._blocks[found[0]], text)  # once: what a block quotes is no token
