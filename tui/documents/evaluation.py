"""Measures what documents are worth: whether the right passage is found, and whether answers are right with it."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, get_args

from tui.documents.adding import Embedder
from tui.documents.errors import DocumentError
from tui.documents.grading import is_right
from tui.documents.index import DocumentIndex, Found
from tui.documents.questions import Question
from tui.documents.reading import shown
from tui.documents.retrieval import search
from tui.terminal.sanitize import one_line

Way = Literal["words", "vectors", "both"]
Given = Literal["nothing", "retrieved", "right"]
WAYS: tuple[Way, ...] = get_args(Way)
GIVEN: tuple[Given, ...] = get_args(Given)
# Ranks beyond it count as not found.
DEPTH = 50

Report = Callable[[int, int], None]


class Reader(Protocol):
    """A chat model that is asked with passages, each time in a conversation of its own."""

    def replies(self, question: str, passages: Sequence[Sequence[Found]]) -> list[str]:
        """One reply for each sequence of passages; none of them: the question alone."""
        ...


@dataclass
class Outcome:
    """What became of a question.

    ``right``: ids of the passages that have its quote. ``ranks`` of the first of them, from 1; None: not found.
    ``retrieved``: ids of what was found, the best first. ``replies``, once asked; what was not asked has none.
    """

    question: Question
    right: tuple[int, ...]
    ranks: dict[Way, int | None] = field(default_factory=dict)
    retrieved: tuple[int, ...] = ()
    replies: dict[Given, str] = field(default_factory=dict)

    def is_right(self, given: Given) -> bool:
        return is_right(self.replies[given], self.question)


def locate(
    index: DocumentIndex, file: Path, questions: Sequence[Question], collections: Collection[str]
) -> list[Outcome]:
    """Find the passages that hold the answers. Raises DocumentError, naming the line of ``file``, for one without."""
    ids = index.ids_by_path(collections)
    outcomes = []
    for question in questions:
        right: tuple[int, ...] = ()
        if question.answers:
            end = Path(question.path).parts
            within = [id_ for path, found in ids.items() if path.parts[-len(end) :] == end for id_ in found]
            quote = _plain(question.quote)
            right = tuple(found.id for found in index.passages(within) if quote in _plain(found.passage.text))
            if not right:
                raise DocumentError(f"{shown(file)}:{question.line}: the index has {_missing(question, bool(within))}.")
        outcomes.append(Outcome(question, right))
    return outcomes


def measure_search(
    index: DocumentIndex,
    outcomes: Sequence[Outcome],
    embedder: Embedder | None,
    collections: Collection[str],
    report: Report = lambda done, total: None,
) -> None:
    """Search for each question in each way, and keep the ranks; without ``embedder`` by words alone."""
    for done, outcome in enumerate(outcomes):
        report(done, len(outcomes))
        for way in WAYS if embedder else WAYS[:1]:
            used = None if way == "words" else embedder
            hits = search(index, outcome.question.text, used, DEPTH, collections, words=way != "vectors").hits
            found = [hit.found.id for hit in hits]
            outcome.ranks[way] = next((rank for rank, id_ in enumerate(found, 1) if id_ in outcome.right), None)
            outcome.retrieved = tuple(found)  # in the end by the last way: the best there is


def measure_answers(
    index: DocumentIndex,
    outcomes: Sequence[Outcome],
    reader: Reader,
    most: int,
    report: Report = lambda done, total: None,
) -> None:
    """Ask each question without documents, with the ``most`` passages found first, and with the right one."""
    for done, outcome in enumerate(outcomes):
        report(done, len(outcomes))
        given = GIVEN if outcome.right else GIVEN[:2]
        passages = {"nothing": [], "retrieved": outcome.retrieved[:most], "right": outcome.right[:1]}
        texts = reader.replies(outcome.question.text, [index.passages(passages[each]) for each in given])
        outcome.replies = dict(zip(given, texts, strict=True))


def recall(outcomes: Sequence[Outcome], way: Way, depth: int) -> float:
    """The share of the questions that have an answer of which the right passage is among the first ``depth``."""
    ranks = [outcome.ranks[way] for outcome in outcomes if outcome.right]
    return sum(rank is not None and rank <= depth for rank in ranks) / max(1, len(ranks))


def reciprocal_rank(outcomes: Sequence[Outcome], way: Way) -> float:
    """The mean of 1 / rank over the questions that have an answer; 0 where it was not found."""
    ranks = [outcome.ranks[way] for outcome in outcomes if outcome.right]
    return sum(1 / rank for rank in ranks if rank) / max(1, len(ranks))


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _missing(question: Question, document: bool) -> str:
    path, quote = (one_line(text)[:100] for text in (question.path, question.quote))
    return f"no passage of {path} with the quote “{quote}”" if document else f"no document {path}"
