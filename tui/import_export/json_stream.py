"""Streams JSON objects from a file that may be huge, truncated or malicious."""

import json
import re
from collections.abc import Iterator
from typing import Any, TextIO

CHUNK = 2**20
_INK = re.compile(r"[^ \t\r\n]")
_OUTSIDE = re.compile(r'[\[\]{},"]')
_IN_TEXT = re.compile(r'"|\\.', re.S)
# Maximum characters per object; the number of objects is unlimited.
MAX_CHARACTERS = 32 * 2**20
# Maximum values per object: short text can take a lot of memory.
MAX_VALUES = 4_000_000
# Maximum characters skipped after an invalid object.
MAX_SKIPPED = 4 * MAX_CHARACTERS
# Invalid UTF-8, as read with "surrogateescape".
NO_TEXT = re.compile("[\udc80-\udcff]")


def objects(beginning: str, stream: TextIO) -> Iterator[dict[str, Any] | ValueError]:
    """Yield the objects in the text, one or several lines, or those of an array; for an invalid one, a ValueError.

    ``beginning``: text already read from the stream, whose invalid bytes must be decoded with "surrogateescape".

    Raises ValueError, with the position, when nothing more can be parsed.
    """
    window = _Window(beginning, stream)
    if window.peek() != "[":
        number = 1
        yield window.object(number)
        while window.peek() == "{":
            number += 1
            yield window.object(number)
    else:
        window.skip()
        number = 0
        while window.peek() != "]":
            if number:
                if window.peek() != ",":
                    raise ValueError(window.wrong(f"missing comma after object {number}"))
                window.skip()
            number += 1
            try:
                value: dict[str, Any] | ValueError = window.object(number)
            except ValueError as error:
                window.skip_value(error)
                value = error
            yield value
        window.skip()
    if window.peek():
        raise ValueError(window.wrong("extra data after the end"))


class _Window:
    """The buffered part of the text, from the next unparsed character on."""

    def __init__(self, beginning: str, stream: TextIO) -> None:
        self._stream = stream
        self._text = beginning
        self._position = 0
        self._before = 0  # characters of the stream before the window
        self._decoder = json.JSONDecoder(parse_constant=_refuse)

    def peek(self) -> str:
        """The next non-blank character; empty at the end."""
        while not (found := _INK.search(self._text, self._position)):
            self._position = len(self._text)
            if not self._extend():
                return ""
        self._position = found.start()
        return found[0]

    def skip(self) -> None:
        self._position += 1

    def object(self, number: int) -> dict[str, Any]:
        """Parse an object. On a ValueError the position is unchanged."""
        if self.peek() != "{":
            what = self.wrong(f"object {number} does not begin with a brace") if self.peek() else "it is cut short"
            raise ValueError(what)
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._position)
            except json.JSONDecodeError as error:
                if self._hopeless(error):
                    raise ValueError(self.wrong(error.msg, error.pos)) from None
                if not self._extend():
                    raise ValueError(f"it is cut short within object {number}") from None
            except RecursionError:
                raise ValueError(f"object {number} is nested too deeply") from None
            else:
                if NO_TEXT.search(self._text, self._position, end):
                    raise ValueError(f"object {number} is not UTF-8 text")
                self._position = end
                return dict(value)
            self._check_size(number)

    def skip_value(self, error: ValueError) -> None:
        """Skip to the comma or bracket after the value. Raises ``error`` if there is none within the limits."""
        depth, quoted, seen, start = 0, False, 0, self._before
        while True:
            while found := (_IN_TEXT if quoted else _OUTSIDE).search(self._text, self._position):
                sign = found[0]
                if not quoted and not depth and sign in ",]}":
                    self._position = found.start()
                    return
                if (seen := seen + 1) > MAX_VALUES:
                    raise error
                self._position = found.end()
                quoted ^= sign == '"'
                depth += (sign in "[{") - (sign in "]}")
            # A backslash at the end may escape the next character.
            self._position = len(self._text) - self._text.endswith("\\")
            if not self._extend() or self._before - start > MAX_SKIPPED:
                raise error

    def wrong(self, what: str, position: int | None = None) -> str:
        return f"{what} (at character {self._before + (self._position if position is None else position)})"

    def _extend(self) -> bool:
        """Double the buffer, so that the total cost of all attempts is linear."""
        rest = self._text[self._position :]
        more = self._stream.read(min(max(CHUNK, len(rest)), MAX_CHARACTERS + 1 - len(rest)))
        self._before += self._position
        self._text, self._position = rest + more, 0
        return bool(more)

    def _hopeless(self, error: json.JSONDecodeError) -> bool:
        """True if more text cannot help, as the error is not at the end of the buffer."""
        return error.pos < len(self._text) - 16 and not error.msg.startswith("Unterminated string")

    def _check_size(self, number: int) -> None:
        if len(self._text) > MAX_CHARACTERS:
            raise ValueError(f"object {number} has more than {MAX_CHARACTERS // 2**20} million characters")
        if len(self._text) > 4 * CHUNK and sum(map(self._text.count, ",:[{")) > MAX_VALUES:
            raise ValueError(f"object {number} has more than {MAX_VALUES // 10**6} million values")


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a number")
