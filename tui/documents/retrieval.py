"""Finds the passages that answer a question: by words (BM25), by meaning (vectors), and by both."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from tui.documents.adding import Embedder
from tui.documents.index import DocumentIndex, Found
from tui.documents.notices import WORDS_ALONE
from tui.formatting.units import counted

# Passages that each way contributes.
CANDIDATES = 50
MAX_WORDS = 64
_WORD = re.compile(r"\w+")
# They are in nearly every passage: to rank by them takes long and tells nothing.
_COMMON = """a about after all an and any are as at be been but by can could did do does for from had has have he her
    his how i if in into is it its me my no not of on or our she should so than that the their them then there these
    they this those to us was we were what when where which who why will with would you your"""
COMMON = frozenset(_COMMON.split())


@dataclass(frozen=True)
class Hit:
    """A passage, with its rank by words and by meaning, from 1; None: not among the candidates."""

    found: Found
    word_rank: int | None
    vector_rank: int | None


@dataclass(frozen=True)
class Results:
    """``hits``, the best first. ``note``: a sentence on what could not be compared, often empty."""

    hits: tuple[Hit, ...]
    note: str = ""


def search(
    index: DocumentIndex,
    question: str,
    embedder: Embedder | None,
    limit: int = 5,
    collections: Collection[str] = (),
    words: bool = True,
) -> Results:
    """Find passages in these collections, or in all. Without ``embedder`` by words alone; ``words`` False: by meaning.

    Raises DocumentError.
    """
    by_words = dict(index.by_words(telling_words(question), collections, CANDIDATES)) if words else {}
    by_vectors = _by_vectors(index, question, embedder, collections) if embedder and question.strip() else {}
    ranks = [{id_: rank for rank, id_ in enumerate(way, 1)} for way in (by_words, by_vectors)]
    best = merge(by_words, by_vectors)[:limit]
    hits = tuple(Hit(found, ranks[0].get(found.id), ranks[1].get(found.id)) for found in index.passages(best))
    return Results(hits, _note(index, embedder, collections))


def merge(*ways: Mapping[int, float]) -> list[int]:
    """The ids of all ways by the sum of their scores, each as a share of its way's best.

    Ranks alone (reciprocal rank fusion) throw away by how much one passage is better than the next: measured on three
    sets of questions, they placed passages that both ways found late before one that was clearly the best for one way.
    """
    shares: dict[int, float] = {}
    for way in ways:
        best = max(way.values(), default=0.0)
        for id_, score in way.items():
            shares[id_] = shares.get(id_, 0.0) + (score / best if best > 0 else 0.0)
    return sorted(shares, key=lambda id_: -shares[id_])  # stable: equal ones stay in their way's order


def telling_words(question: str) -> list[str]:
    """The words of a question without the most common ones, if it has others; at most MAX_WORDS."""
    words = list(dict.fromkeys(word.casefold() for word in _WORD.findall(question)))
    return ([word for word in words if word not in COMMON] or words)[:MAX_WORDS]


def _by_vectors(
    index: DocumentIndex, question: str, embedder: Embedder, collections: Collection[str]
) -> dict[int, float]:
    """Ids of passages, the best first, with the cosine of their vectors and the question's: one exact product."""
    ids, vectors = index.vectors(embedder.fingerprint, embedder.dimensions, collections)
    if not ids:
        return {}
    scores = vectors @ embedder.embed([question])[0]
    count = min(CANDIDATES, len(ids))
    nearest = np.argpartition(-scores, count - 1)[:count]
    return {ids[row]: float(scores[row]) for row in nearest[np.argsort(-scores[nearest], kind="stable")]}


def _note(index: DocumentIndex, embedder: Embedder | None, collections: Collection[str]) -> str:
    if embedder is None:
        return WORDS_ALONE
    embedded, _ = index.vectors(embedder.fingerprint, embedder.dimensions, collections)
    missing = index.count(collections) - len(embedded)
    can = f"{counted(missing, 'passage')} can be found by words only until `llm-tui docs refresh` has run."
    return can if missing else ""
