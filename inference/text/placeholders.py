"""Placeholders substituted for text during template rendering.

They consist of low surrogates, which no valid text contains, so messages can neither contain nor forge them.
"""

import itertools
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from inference.errors import InferenceError
from inference.text.tokenizer import NO_TEXT

# A placeholder encodes a number in base 256; the last digit has its own range. Nearly all have one digit.
BASE = 256
DIGIT, LAST = 0xDC00, 0xDD00
_MARK = re.compile(f"[{chr(DIGIT)}-{chr(DIGIT + BASE - 1)}]*[{chr(LAST)}-{chr(LAST + BASE - 1)}]")
_HALVES = re.compile("[\ud800-\udfff]+")
# Marks the end of a message to be continued; outside the range of placeholders.
END = chr(LAST + BASE)


class Marks:
    """Hides control tokens quoted in messages, to tell them from those written by the template."""

    def __init__(self, controls: Sequence[str], tags: Collection[str] = ()) -> None:
        """``tags``: control tokens that a reply may have."""
        self._numbers = itertools.count()
        self._hidden: dict[str, str] = {}
        self._mark_of: dict[str, str] = {}
        self.control = _any_of(controls)
        self._in_replies = _any_of([token for token in controls if token not in tags])
        self._prefixes = {token[:n] for token in controls for n in range(1, len(token))}
        self._suffixes = {token[n:] for token in controls for n in range(1, len(token))}
        self._longest = max(map(len, controls), default=0)

    def new(self) -> str:
        """A new, unused placeholder."""
        rest, digit = divmod(next(self._numbers), BASE)
        mark = chr(LAST + digit)
        while rest:
            rest, digit = divmod(rest, BASE)
            mark = chr(DIGIT + digit) + mark
        return mark

    def hide(self, value: Any, reply: bool = False) -> Any:
        """Hide control tokens, and partial ones at the ends, in all strings of ``value``.

        ``reply``: it is one of the model's, which may have tags. Raises InferenceError for lone surrogates.
        """
        if isinstance(value, dict):
            return {self.hide(key, reply): self.hide(item, reply) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.hide(item, reply) for item in value]
        if not isinstance(value, str):
            return value
        if _HALVES.search(value):
            raise InferenceError(NO_TEXT)
        control = self._in_replies if reply else self.control
        text = control.sub(lambda match: self._hide(match.group()), value)
        core = text.strip()
        lead, trail = around(text, core)
        # A partial control token could be completed by the template's text.
        for n in range(min(self._longest - 1, len(core)), 0, -1):
            if core[-n:] in self._prefixes:
                core = core[:-n] + self._hide(core[-n:])
                break
        for n in range(min(self._longest - 1, len(core)), 0, -1):
            if core[:n] in self._suffixes:
                core = self._hide(core[:n]) + core[n:]
                break
        return lead + core + trail

    def hides(self, text: str) -> bool:
        return bool(self._hidden) and any(mark in self._hidden for mark in _MARK.findall(text))

    def restore(self, text: str) -> str:
        """Restore hidden text; remains of truncated placeholders are dropped."""
        return _HALVES.sub("", _MARK.sub(lambda match: self._hidden.get(match.group(), match.group()), text))

    def _hide(self, text: str) -> str:
        if text not in self._mark_of:
            mark = self.new()
            self._mark_of[text], self._hidden[mark] = mark, text
        return self._mark_of[text]


def _any_of(tokens: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, sorted(tokens, key=len, reverse=True))) or r"(?!)")


def around(text: str, core: str) -> tuple[str, str]:
    """White space before and after ``core`` = ``text.strip()``; if it is empty, all is before."""
    start = text.index(core) if core else len(text)
    return text[:start], text[start + len(core) :]


def marks_in(text: str) -> list[re.Match[str]]:
    """All placeholders in ``text``."""
    return list(_MARK.finditer(text))


def strings(value: Any) -> Iterable[str]:
    """All strings in a nested value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from strings(key)
            yield from strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from strings(item)
