"""Searches for a question that may only be clear with the one before it: "and how long does that take?"."""

from collections.abc import Collection

from tui.documents.adding import Embedder
from tui.documents.index import DocumentIndex
from tui.documents.retrieval import COMMON, Results, search, telling_words

# Hits of each of the two searches, and the constant of their merging by reciprocal rank.
CANDIDATES, RANK_CONSTANT = 10, 60


def search_follow_up(
    index: DocumentIndex,
    question: str,
    previous: str,
    embedder: Embedder | None,
    limit: int,
    collections: Collection[str],
) -> Results:
    """Find passages for the question, and for both together; what is found either way, and early, comes first.

    Searched together alone, a question about something else would find what the previous one was about. Raises as
    ``search``.
    """
    together = search(index, f"{question}\n{previous}", embedder, CANDIDATES, collections)
    if COMMON.issuperset(telling_words(question)):  # "and with what?" tells nothing alone
        return Results(together.hits[:limit], together.note)
    alone = search(index, question, embedder, CANDIDATES, collections)
    ranks = [{hit.found.id: rank for rank, hit in enumerate(results.hits, 1)} for results in (alone, together)]
    hits = {hit.found.id: hit for hit in (*alone.hits, *together.hits)}

    def score(id_: int) -> float:
        return sum(1 / (RANK_CONSTANT + rank[id_]) for rank in ranks if id_ in rank)

    best = sorted(hits, key=score, reverse=True)[:limit]
    return Results(tuple(hits[id_] for id_ in best), together.note)
