"""Passages of documents that belong to a question, and the message that the model sees of both."""

from collections.abc import Sequence
from dataclasses import dataclass

OPENING = "Answer the question below from these passages, and name those that you used by their numbers, such as [1]."


@dataclass(frozen=True)
class Quote:
    """A passage as it was when it was found. Its text is a stranger's.

    ``name``: the file's, short, as it is shown. ``path``: the file. ``line``: where the passage begins, from 1.
    ``heading``: the headings above it. ``words``: those of the question that are in it, as they stand there.
    """

    name: str
    path: str
    line: int
    heading: str
    text: str
    words: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """File and line."""
        return f"{self.name}:{self.line}"


def with_quotes(question: str, quotes: Sequence[Quote]) -> str:
    """The user's message: the passages, numbered from 1, then the question."""
    if not quotes:
        return question
    passages = (f"[{number}] {_head(quote)}\n{quote.text.strip()}" for number, quote in enumerate(quotes, 1))
    return "\n\n".join([OPENING, *passages, f"Question: {question}"])


def _head(quote: Quote) -> str:
    """File and headings; a passage without headings has the file's name as one."""
    return quote.name if quote.name.endswith(quote.heading) else f"{quote.name} > {quote.heading}"
