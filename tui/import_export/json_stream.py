"""JSON objects out of a file that may be huge, cut short or hostile, one at a time."""

import json
import re
from collections.abc import Iterator
from typing import Any, TextIO

CHUNK = 2**20
_INK = re.compile(r"[^ \t\r\n]")
_OUTSIDE = re.compile(r'[\[\]{},"]')
_IN_TEXT = re.compile(r'"|\\.', re.S)
# Of one object; a file may hold any number of them.
MAX_CHARACTERS = 32 * 2**20
# Of values in it: what takes few characters can take a lot of memory.
MAX_VALUES = 4_000_000
# Behind an object that cannot be read: then what follows is not looked for any more.
MAX_SKIPPED = 4 * MAX_CHARACTERS
# Bytes that are no UTF-8, as "surrogateescape" reads them.
NO_TEXT = re.compile("[\udc80-\udcff]")


def objects(beginning: str, stream: TextIO) -> Iterator[dict[str, Any] | ValueError]:
    """The object that the text is, or those in the array that it is; for one that cannot be read, what is wrong.

    ``beginning``: what has been read of the stream. Bytes that are no text are to be read as "surrogateescape" does.

    Raises ValueError, saying what is wrong and where, when it comes to what lets nothing be read any more.
    """
    window = _Window(beginning, stream)
    if window.peek() != "[":
        yield window.object(1)
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
    """The part of the text that is looked at: from the next character to read on, as far as was needed so far."""

    def __init__(self, beginning: str, stream: TextIO) -> None:
        self._stream = stream
        self._text = beginning
        self._position = 0
        self._before = 0  # characters of the stream before the window
        self._decoder = json.JSONDecoder(parse_constant=_refuse)

    def peek(self) -> str:
        """The next character that is no blank; empty at the end."""
        while not (found := _INK.search(self._text, self._position)):
            self._position = len(self._text)
            if not self._extend():
                return ""
        self._position = found.start()
        return found[0]

    def skip(self) -> None:
        self._position += 1

    def object(self, number: int) -> dict[str, Any]:
        """Raises ValueError for what is none, and is where it began then."""
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
        """Go on to the comma or bracket behind the value. Raises ``error`` if there is none, or it is endlessly far."""
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
            # A backslash at the end may belong to a quote that is still to come.
            self._position = len(self._text) - self._text.endswith("\\")
            if not self._extend() or self._before - start > MAX_SKIPPED:
                raise error

    def wrong(self, what: str, position: int | None = None) -> str:
        return f"{what} (at character {self._before + (self._position if position is None else position)})"

    def _extend(self) -> bool:
        """Read on, as much again as there is, so that all attempts together cost no more than two."""
        rest = self._text[self._position :]
        more = self._stream.read(min(max(CHUNK, len(rest)), MAX_CHARACTERS + 1 - len(rest)))
        self._before += self._position
        self._text, self._position = rest + more, 0
        return bool(more)

    def _hopeless(self, error: json.JSONDecodeError) -> bool:
        """Whether more text cannot help: the error is not at the end of what there is."""
        return error.pos < len(self._text) - 16 and not error.msg.startswith("Unterminated string")

    def _check_size(self, number: int) -> None:
        if len(self._text) > MAX_CHARACTERS:
            raise ValueError(f"object {number} has more than {MAX_CHARACTERS // 2**20} million characters")
        if len(self._text) > 4 * CHUNK and sum(map(self._text.count, ",:[{")) > MAX_VALUES:
            raise ValueError(f"object {number} has more than {MAX_VALUES // 10**6} million values")


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a number")
