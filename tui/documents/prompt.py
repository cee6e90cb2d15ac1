"""Renders passages and a question as the message that a chat model gets."""

from collections.abc import Callable, Sequence

from tui.documents.index import Found

# Passages that are asked with: more of them cost time and, with small models, right answers.
PASSAGES = 3
_REQUEST = "Answer the question from the passages above. If they do not contain the answer, say that it is not there."


def with_passages(question: str, passages: Sequence[Found]) -> str:
    """The question below its passages, which are numbered from 1; the question alone if there are none."""
    if not passages:
        return question
    numbered = [f"[{number}] {_source(found)}\n{found.passage.text}" for number, found in enumerate(passages, 1)]
    return "\n\n".join([*numbered, _REQUEST, f"Question: {question}"])


def fitting(
    question: str, passages: Sequence[Found], count: Callable[[str], int], room: int
) -> tuple[Sequence[Found], str]:
    """The first of the passages that take, with the question, at most ``room`` tokens, and the message with them."""
    while passages and count(with_passages(question, passages)) > room:
        passages = passages[:-1]
    return passages, with_passages(question, passages)


def _source(found: Found) -> str:
    """The file, as far as it tells more than it costs, and the headings."""
    file = "/".join(found.path.parts[-2:])
    return file if found.passage.heading == found.path.name else f"{file}, {found.passage.heading}"
