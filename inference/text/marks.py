"""Private-use characters that stand in for text while a template is rendered, and are found again afterwards."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

PRIVATE_USE = range(0xF0000, 0xFFFFE)
_PRIVATE = re.compile(f"[{chr(PRIVATE_USE.start)}-{chr(PRIVATE_USE.stop - 1)}]")


class Marks:
    """Hides control tokens that a message spells out, so that what a template writes can be told from what it quotes.

    ``avoid``: texts that take part; no mark is a character of theirs.
    """

    def __init__(self, controls: Sequence[str], avoid: Iterable[str]) -> None:
        taken = {char for text in avoid for char in _PRIVATE.findall(text)}
        self._free = (char for char in map(chr, PRIVATE_USE) if char not in taken)
        self._hidden: dict[str, str] = {}
        self._mark_of: dict[str, str] = {}
        self._controls = set(controls)
        self.control = re.compile("|".join(map(re.escape, sorted(controls, key=len, reverse=True))) or r"(?!)")
        self._prefixes = {token[:n] for token in controls for n in range(1, len(token))}
        self._suffixes = {token[n:] for token in controls for n in range(1, len(token))}
        self._longest = max(map(len, controls), default=0)

    def new(self) -> str:
        """A character that stands for nothing yet."""
        return next(self._free)

    def hide(self, value: Any) -> Any:
        """``value`` with every control token in its strings hidden, whole ones and halves at their ends alike."""
        if isinstance(value, dict):
            return {key: self.hide(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.hide(item) for item in value]
        if not isinstance(value, str):
            return value
        text = self.control.sub(lambda match: self._hide(match.group()), value)
        core = text.strip()
        lead, trail = around(text, core)
        # Half a control token could become a whole one with the template's text beside it.
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
        return any(char in self._hidden for char in _PRIVATE.findall(text)) if self._hidden else False

    def restore(self, text: str) -> str:
        """``text`` with what was hidden back in its place."""
        return _PRIVATE.sub(lambda match: self._hidden.get(match.group(), match.group()), text)

    def _hide(self, text: str) -> str:
        if text not in self._mark_of:
            mark = self.new()
            self._mark_of[text], self._hidden[mark] = mark, text
        return self._mark_of[text]


def around(text: str, core: str) -> tuple[str, str]:
    """The white space before and behind ``core``, which is ``text`` stripped; an empty core leaves none behind."""
    start = text.index(core) if core else len(text)
    return text[:start], text[start + len(core) :]


def strings(value: Any) -> Iterable[str]:
    """Every string in a message, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from strings(key)
            yield from strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from strings(item)
