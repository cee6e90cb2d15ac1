"""Passages by words, by meaning, and by both."""

from pathlib import Path

import pytest

from tests.documents.stub_embedder import StubEmbedder
from tui.documents.adding import Changes, embed, refresh
from tui.documents.index import DocumentIndex
from tui.documents.retrieval import WORDS_ALONE, merge, search, telling_words

TEXTS = {
    "cellar.md": "# Cellar\n\nThe pump runs at night. It drips.",
    "rain.md": "# Rain\n\nWater comes in by the window.",
    "roof.md": "# Roof\n\nNineteen tiles are broken.",
    "cake.md": "# Cake\n\nThe oven is hot at night.",
}


@pytest.fixture
def index(tmp_path: Path) -> DocumentIndex:
    for name, text in TEXTS.items():
        (tmp_path / name).write_text(text)
    index = DocumentIndex(tmp_path / "data" / "documents.db")
    for name in TEXTS:
        collection = "kitchen" if name == "cake.md" else "house"
        refresh(index, index.add_root(collection, tmp_path / name), Changes())
    return index


def names(index: DocumentIndex, question: str, embedder: StubEmbedder | None, **more: object) -> list[str]:
    return [hit.found.path.name for hit in search(index, question, embedder, **more).hits]  # type: ignore[arg-type]


def test_words_alone(index: DocumentIndex) -> None:
    results = search(index, "Which tile is broken?", None)
    assert [hit.found.path.name for hit in results.hits] == ["roof.md"]  # stemmed
    assert results.note == WORDS_ALONE
    (hit,) = results.hits
    assert (hit.word_rank, hit.vector_rank) == (1, None)
    assert (hit.found.collection, hit.found.passage.heading, hit.found.passage.line) == ("house", "Roof", 1)


def test_the_better_match_is_first(index: DocumentIndex) -> None:
    assert names(index, "pump at night", None) == ["cellar.md", "cake.md"]


def test_a_heading_is_found(index: DocumentIndex) -> None:
    assert names(index, "cellar", None) == ["cellar.md"]


def test_meaning_finds_what_words_do_not(index: DocumentIndex) -> None:
    stub = StubEmbedder()
    embed(index, stub)
    assert names(index, "pump", None) == ["cellar.md"]
    results = search(index, "pump", stub)
    assert [hit.found.path.name for hit in results.hits][:2] == ["cellar.md", "rain.md"]
    assert results.hits[0].word_rank == 1
    assert results.hits[1].word_rank is None
    assert {hit.vector_rank for hit in results.hits[:2]} == {1, 2}
    assert results.note == ""
    assert names(index, "water", stub, words=False)[:2] == ["cellar.md", "rain.md"]


def test_by_how_much_a_passage_is_better_counts() -> None:
    """By ranks alone, 2 and 3, which both ways found late, would go before 1 and 4."""
    by_words = {1: 20.0, 5: 4.0, 2: 3.0, 3: 2.0}
    by_vectors = {4: 0.8, 6: 0.3, 2: 0.2, 3: 0.1}
    assert merge(by_words, by_vectors) == [1, 4, 2, 6, 3, 5]
    assert merge({1: 2.0, 2: 1.0}, {1: 0.5}) == [1, 2]


def test_scores_without_a_best_keep_their_order() -> None:
    assert merge({7: 0.0, 3: 0.0}, {9: -0.1, 3: -0.2}) == [7, 3, 9]
    assert merge({}, {}) == []


def test_without_vectors_so_far_it_is_said(index: DocumentIndex) -> None:
    results = search(index, "pump", StubEmbedder())
    assert len(results.hits) == 1
    assert results.note == "4 passages can be found by words only until `llm-tui docs refresh` has run."


def test_collections_and_limit(index: DocumentIndex) -> None:
    stub = StubEmbedder()
    embed(index, stub)
    assert names(index, "night", None, collections=["kitchen"]) == ["cake.md"]
    assert names(index, "night", stub, collections=["kitchen"]) == ["cake.md"]
    assert len(names(index, "night", stub, limit=2)) == 2


def test_in_a_large_index_the_rarest_words_count(index: DocumentIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    """``night`` is in two passages, ``at`` too: more than are ranked; ``pump`` is in one of these."""
    assert names(index, "pump night", None) == ["cellar.md", "cake.md"]
    monkeypatch.setattr("tui.documents.index.RANKED", 2)
    assert names(index, "pump night", None) == ["cellar.md"]
    assert names(index, "night nowhere", None) == ["cake.md", "cellar.md"]
    monkeypatch.setattr("tui.documents.index.RANKED", 1)
    assert names(index, "night runs", None) == ["cellar.md"]  # each is in as many as are ranked, or more: all of them
    assert names(index, "pump broken", None) == ["cellar.md"]  # none has all: the rarest


@pytest.mark.parametrize("question", ["", "  ", "?!", "\0", '"', "* OR (", "NEAR(a b)", "a" * 10_000, "x " * 10_000])
def test_no_question_is_an_error(index: DocumentIndex, question: str) -> None:
    stub = StubEmbedder()
    embed(index, stub)
    search(index, question, stub)
    assert names(index, question, None) == []


def test_words_that_tell_nothing_are_sought_only_if_there_are_no_others() -> None:
    assert telling_words("What is the pump?") == ["pump"]
    assert telling_words("What is it") == ["what", "is", "it"]
    assert telling_words("naïve 東京 Pump pump") == ["naïve", "東京", "pump"]
