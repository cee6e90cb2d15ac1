"""Parser of terminal input: bytes to keys, pastes, mouse events and responses.

Unknown or truncated responses are dropped. Everything within a bracketed paste is text. Times are passed in, in
seconds.
"""

from collections.abc import Iterator
from typing import Literal

from textual import constants, events
from textual.message import Message

from tui.terminal.escape_sequences import (
    BEGUN,
    BROKEN,
    ESC,
    LATE,
    PASTE,
    PASTE_END,
    PLACES,
    SEQUENCE,
    STRING,
    STRING_END,
    length_of_character,
    text_of,
    whole_characters,
)
from tui.terminal.key_sequences import Answered, Sequences

# Seconds of silence that end a paste, response or sequence; maximum duration of a response.
SILENCE, LONGEST = 1.0, 3.0
LONG = 256  # bytes, longer than any sequence


class TerminalParser:
    """Call ``feed`` with data, and ``tick`` without data, at the latest at time ``due``."""

    def __init__(self, answered: Answered) -> None:
        self._sequences = Sequences(answered)
        self._left = bytearray()  # unparsed or pasted bytes
        self._within: Literal["paste", "string"] | None = None
        self._said = b""  # the beginning of a string response
        self._searched = 0  # bytes of a paste already searched for its end
        self._began = self._last = 0.0  # time of the start of a response, and of the last byte
        self._escaped = float("-inf")  # time of the last Escape key
        self._cut = False  # the last paste timed out before its end

    @property
    def due(self) -> float | None:
        """Time at which an incomplete sequence times out, if there is one."""
        if self._within == "string":
            return min(self._last + SILENCE, self._began + LONGEST)
        if not self._within and (self._left == ESC or self._left[:1] > ESC):  # Escape or an incomplete character
            return self._last + constants.ESCAPE_DELAY
        return self._last + SILENCE if self._within or self._left else None

    def feed(self, data: bytes, now: float) -> Iterator[Message]:
        """Parse as much as possible."""
        places = found.end() if (found := PLACES.match(data)) else 0
        if not self._within and not self._left:
            if now - self._escaped < SILENCE and LATE.match(data, places):
                data = data[:places] + ESC + data[places:]
            elif self._cut and PASTE_END in data.partition(PASTE)[0]:
                data = PASTE + data
        self._left += data
        self._last = now
        if places < len(data):
            self._escaped = float("-inf")
        yield from self._parse()

    def tick(self, now: float) -> Iterator[Message]:
        """Handle a timed-out sequence."""
        if self.due is None or now < self.due:
            return
        if self._within == "paste":
            self._cut = True
            yield self._pasted(len(self._left))
        elif self._within:
            self._within = None
        elif BROKEN.match(self._left):
            self._left.clear()
        else:
            self._escaped = now if self._left == ESC else self._escaped
            yield from self._sequences.typed(self._take(len(self._left)))
        yield from self._parse()

    def _parse(self) -> Iterator[Message]:
        before: object = None
        while self._left and before != (before := (len(self._left), self._within)):
            if self._within == "paste":
                yield from self._paste()
            elif self._within == "string":
                self._string()
            else:
                yield from self._next()

    def _next(self) -> Iterator[Message]:
        """Parse text up to an ESC, or one sequence; nothing if it is incomplete."""
        left = self._left
        if not left.startswith(ESC):
            end = left.find(ESC)
            yield from self._sequences.typed(self._take(end if end > 0 else whole_characters(left)))
        elif found := SEQUENCE.match(left):
            sequence = self._take(found.end())
            if sequence == PASTE:
                self._within, self._searched = "paste", 0
            elif sequence == PASTE_END:
                self._cut = False
            elif len(sequence) <= LONG:
                yield from self._sequences.meant(sequence)
        elif STRING.match(left):
            if len(left) > 2:
                self._said = self._take(2)
                self._within, self._began = "string", self._last
        elif BEGUN.match(left):
            if len(left) > LONG:
                self._take(len(left))
                self._said = b""
                self._within, self._began = "string", self._last
        elif found := BROKEN.match(left):
            self._take(found.end())
        elif left.startswith(ESC + ESC):
            yield from self._sequences.typed(self._take(1))
        elif len(left) > length_of_character(left[1]):
            yield from self._with_escape()

    def _with_escape(self) -> Iterator[Message]:
        """Alt plus a character, else an Escape key."""
        end = 1 + length_of_character(self._left[1])
        if keys := list(self._sequences.alt(bytes(self._left[1:end]))):
            self._take(end)
            yield from keys
        else:
            yield from self._sequences.typed(self._take(1))

    def _paste(self) -> Iterator[Message]:
        end = self._left.find(PASTE_END, max(0, self._searched - len(PASTE_END)))
        self._searched = len(self._left)
        if end >= 0:
            self._cut = False
            yield self._pasted(end)
            self._take(len(PASTE_END))

    def _pasted(self, end: int) -> events.Paste:
        self._within = None
        return events.Paste(text_of(self._take(end)))

    def _string(self) -> None:
        """Read a string response to its end; only its beginning is kept, and only the background's colour is used."""
        found = STRING_END.search(self._left)
        taken = self._take(found.end() if found else len(self._left) - self._left.endswith(ESC))
        self._said += taken[: LONG - len(self._said)]
        if found:
            self._within = None
            self._sequences.said(self._said)

    def _take(self, count: int) -> bytes:
        taken = bytes(self._left[:count])
        del self._left[:count]
        return taken
