"""Incremental search in the messages of a chat."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from tui.conversation.tree import Node
from tui.markdown.row import Row

# Markdown markers are not on the screen: nodes are filtered without them before their rows are searched.
_MARKS = str.maketrans("", "", "*_`\\")
# What begins a formula or an entity, of which other characters are on the screen.
_CONVERTED = re.compile(r"\$|\\[(\[]|&")


class Place(NamedTuple):
    """A span of a row."""

    row: int
    start: int
    end: int


class Hit(NamedTuple):
    """A match. ``places``: several if it is wrapped."""

    message: int
    places: tuple[Place, ...]

    @property
    def row(self) -> int:
        return self.places[0].row if self.places else 0


class Finder:
    """Finds each of ``texts``. ``nodes``: all messages. ``rows(i)``: rows of message i."""

    def __init__(self, texts: Sequence[str], nodes: Sequence[Node], rows: Callable[[int], Sequence[Row]]) -> None:
        self.texts = texts
        self.pattern = _any_of(texts)
        self.hit: Hit | None = None
        self._bare = _any_of([text.translate(_MARKS) or text for text in texts])
        self._nodes = nodes
        self._rows = rows

    def first(self, message: int, row: int) -> Hit | None:
        """The first match from that row on, else the last one before it."""
        self.hit = self._next(message, row, whole_round=False) or self._previous(message, row)
        return self.hit

    def step(self, forward: bool) -> Hit | None:
        """The next or previous match, wrapping around."""
        if self.hit is not None:
            message, hits = self.hit.message, self._hits(self.hit.message)
            index = (hits.index(self.hit) if self.hit in hits else 0) + (1 if forward else -1)
            if 0 <= index < len(hits):
                self.hit = hits[index]
            elif forward:
                self.hit = self._next(message + 1, 0, whole_round=True) or self.hit
            else:
                self.hit = self._previous(message, 0) or self._previous(len(self._nodes), 0) or self.hit
        return self.hit

    def again(self) -> Hit | None:
        """Place the current match anew: the message shows more of its text."""
        if self.hit is not None:
            self.hit = next(iter(self._hits(self.hit.message)), self.hit) if not self.hit.places else self.hit
        return self.hit

    def marks(self, text: str, message: int, row: int) -> Iterator[tuple[int, int, str]]:
        """Highlights of a row as (start, end, style): all matches, then the current one."""
        for match in self.pattern.finditer(text):
            yield *match.span(), "found"
        if self.hit and self.hit.message == message:
            yield from ((place.start, place.end, "here") for place in self.hit.places if place.row == row)

    def _next(self, message: int, row: int, whole_round: bool) -> Hit | None:
        count = len(self._nodes)
        for index in range(message, count + (message if whole_round else 0)):
            for hit in self._hits(index % count):
                if index != message or hit.row >= row:
                    return hit
        return None

    def _previous(self, message: int, row: int) -> Hit | None:
        """The last match before that row."""
        for index in range(min(message, len(self._nodes) - 1), -1, -1):
            hits = [hit for hit in self._hits(index) if index != message or hit.row < row]
            if hits:
                return hits[-1]
        return None

    def _hits(self, message: int) -> list[Hit]:
        text = self._nodes[message].text
        written = self.pattern.search(text) or self._bare.search(text.translate(_MARKS))
        if not written and not _CONVERTED.search(text):
            return []
        shown = [Hit(message, places) for places in places_of(self.pattern, self._rows(message))]
        # A match in hidden text (a folded thought) is placed in the first row.
        return shown or ([Hit(message, ())] if written else [])


def _any_of(texts: Sequence[str]) -> re.Pattern[str]:
    """Where one text begins as another does, the longest is found."""
    return re.compile("|".join(map(re.escape, sorted(texts, key=len, reverse=True))), re.IGNORECASE)


def places_of(pattern: re.Pattern[str], rows: Sequence[Row]) -> list[tuple[Place, ...]]:
    """Matches of the pattern in the rows, also across wrapped ones."""
    found = []
    first = 0
    for number, row in enumerate(rows):
        if row.hard:
            line = rows[first : number + 1]
            texts = [part.text[part.lead if index else 0 :] for index, part in enumerate(line)]
            found += [_places(match.span(), line, first) for match in pattern.finditer("".join(texts))]
            first = number + 1
    return found


def _places(span: tuple[int, int], line: Sequence[Row], first: int) -> tuple[Place, ...]:
    places = []
    position = 0
    for index, row in enumerate(line):
        lead = row.lead if index else 0
        start = max(0, span[0] - position)
        end = min(len(row.text) - lead, span[1] - position)
        if start < end:
            places.append(Place(first + index, start + lead, end + lead))
        position += len(row.text) - lead
    return tuple(places)
