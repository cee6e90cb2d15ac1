"""Scripts of replies, for the fake engine.

A script is a series of pieces. A string is streamed as one token; None leaves what follows to the next poll; a
``threading.Event`` holds the reply until it is set or the reply is cancelled; an ``InferenceError`` ends it. At the end
of its script a reply ends.
"""

import itertools
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from inference import InferenceError
from tests.stubs.fake_tokenizer import Words

Piece = str | threading.Event | InferenceError | None
USUAL = re.findall(r"\S+ ", "That is a good question, and there is more than one answer to it. ")


class Script:
    """The replies to come, in their order, then ``usual`` for all others. ``prompts``: what was asked, as text.

    At temperature 0 the usual reply is always the same, else its first words tell how many there were.
    """

    def __init__(self) -> None:
        self.usual: Callable[[], Iterable[Piece]] = lambda: USUAL
        self.prompts: list[str] = []
        self.tokenizer = Words()
        self.loading: Callable[[Path], None] = lambda path: None  # called while a model is loaded; may raise or wait
        self._replies: list[Sequence[Piece]] = []

    def reply(self, *pieces: Piece) -> None:
        """Have the next reply without a script stream these."""
        self._replies.append(pieces)

    def held(self, *pieces: Piece) -> threading.Event:
        """Have the next reply stream these and then wait; ``set`` what is returned to end it."""
        hold = threading.Event()
        self.reply(*pieces, hold)
        return hold

    def take(self, prompt: str, greedy: bool) -> Iterable[Piece]:
        """The reply to ``prompt``."""
        self.prompts.append(prompt)
        if self._replies:
            return self._replies.pop(0)
        return self.usual() if greedy else itertools.chain([f"Reply {len(self.prompts)}: "], self.usual())


def endless() -> Iterator[Piece]:
    """A few tokens with each poll, until the reply is cancelled or the context full."""
    for number in itertools.count():
        yield from ("word ", "after ", "word ", f"{number}\n" if number % 5 == 4 else f"{number} ")
        if number % 2:
            yield None
