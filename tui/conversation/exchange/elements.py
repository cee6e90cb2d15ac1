"""JSON objects out of a file that may be huge, cut short or hostile, one at a time."""

import json
from collections.abc import Iterator
from typing import Any, TextIO

CHUNK = 2**20
# Of one object; a file may hold any number of them.
MAX_CHARACTERS = 32 * 2**20
# Of values in it: what takes few characters can take a lot of memory.
MAX_VALUES = 4_000_000


def objects(stream: TextIO) -> Iterator[dict[str, Any]]:
    """The object that the text is, or those in the array that it is.

    Raises ValueError, saying what is wrong and where, for any other text, when it comes to it.
    """
    window = _Window(stream)
    if window.peek() != "[":
        yield window.object(1)
    else:
        window.skip()
        number = 0
        while window.peek() != "]":
            if number:
                if window.peek() != ",":
                    raise ValueError(window.wrong(f"there is no comma behind object {number}"))
                window.skip()
            number += 1
            yield window.object(number)
        window.skip()
    if window.peek():
        raise ValueError(window.wrong("there is more behind its end"))


class _Window:
    """The part of the text that is looked at: from the next character to read on, as far as was needed so far."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._text = ""
        self._position = 0
        self._before = 0  # characters of the stream before the window
        self._decoder = json.JSONDecoder(parse_constant=_refuse)

    def peek(self) -> str:
        """The next character that is no blank; empty at the end."""
        while True:
            while self._position < len(self._text):
                if self._text[self._position] not in " \t\r\n":
                    return self._text[self._position]
                self._position += 1
            if not self._extend():
                return ""

    def skip(self) -> None:
        self._position += 1

    def object(self, number: int) -> dict[str, Any]:
        if self.peek() != "{":
            what = self.wrong(f"object {number} does not begin with a brace") if self.peek() else "it is cut short"
            raise ValueError(what)
        while True:
            try:
                value, self._position = self._decoder.raw_decode(self._text, self._position)
            except json.JSONDecodeError as error:
                if self._hopeless(error):
                    raise ValueError(self.wrong(error.msg, error.pos)) from None
                if not self._extend():
                    raise ValueError(f"it is cut short within object {number}") from None
            except RecursionError:
                raise ValueError(f"object {number} is nested too deeply") from None
            else:
                return dict(value)
            self._check_size(number)

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
