"""The program's own help among the collections: always as it is now, and not to be changed."""

from pathlib import Path

import pytest

from tests.documents.stub_embedder import StubEmbedder
from tests.documents.test_index import is_sound
from tui.config.help_topics import facts, facts_file
from tui.documents.adding import Changes, embed, refresh
from tui.documents.errors import DocumentError
from tui.documents.index import PROGRAM_HELP, DocumentIndex
from tui.documents.program_help import add_help
from tui.documents.retrieval import search


@pytest.fixture
def index(tmp_path: Path) -> DocumentIndex:
    index = DocumentIndex(tmp_path / "data" / "documents.db")
    add_help(index, facts())
    return index


def test_every_topic_is_a_passage_where_it_stands_in_its_file(index: DocumentIndex) -> None:
    (summary,) = index.collections()
    assert (summary.name, summary.roots, summary.documents, summary.passages) == ("llm-tui", (), 1, len(facts()))
    source = facts_file().read_text(encoding="utf-8")
    topics = {f"llm-tui > {fact.title}": fact.answer for fact in facts()}
    ids = next(iter(index.ids_by_path([]).values()))
    for found in index.passages(ids):
        passage = found.passage
        assert topics.pop(passage.heading) == passage.text
        assert passage.heading.removeprefix("llm-tui > ") in source[passage.start : passage.end].replace('\\"', '"')
        assert source[passage.start : passage.end].count("[[fact]]") == 1
        assert source.splitlines()[passage.line - 1] == "[[fact]]"
    assert topics == {}


def test_it_is_found_by_words(index: DocumentIndex) -> None:
    hits = search(index, "How do I rename a session?", None, collections=[PROGRAM_HELP]).hits
    assert "llm-tui > Rename a session" in [hit.found.passage.heading for hit in hits]


def test_it_is_written_again_only_if_it_changed(index: DocumentIndex, tmp_path: Path) -> None:
    stub = StubEmbedder()
    embed(index, stub)
    add_help(index, facts())
    assert index.count_without_vector(stub.fingerprint) == 0
    add_help(index, facts()[:3])  # another version of the program, or other keys
    assert index.count([PROGRAM_HELP]) == index.count_without_vector(stub.fingerprint) == 3
    index.close()
    is_sound(tmp_path / "data" / "documents.db")


def test_only_its_own_vectors_can_be_computed(index: DocumentIndex, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("A note.")
    refresh(index, index.add_root("notes", tmp_path / "note.txt"), Changes())
    stub = StubEmbedder()
    embed(index, stub, collections=[PROGRAM_HELP])
    assert index.count_without_vector(stub.fingerprint, [PROGRAM_HELP]) == 0
    assert index.count_without_vector(stub.fingerprint) == index.count_without_vector(stub.fingerprint, ["notes"]) == 1


def test_users_cannot_change_it(index: DocumentIndex, tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="is the program's own help and cannot be changed"):
        index.add_root(PROGRAM_HELP, tmp_path)
    with pytest.raises(DocumentError, match="is the program's own help and cannot be changed"):
        index.remove_collection(PROGRAM_HELP)
    assert index.roots() == []
    (root,) = index.roots([PROGRAM_HELP])
    with pytest.raises(DocumentError, match="is the program's own help and cannot be changed"):
        index.remove_root(root)
    changes = Changes()
    refresh(index, root, changes)
    assert changes == Changes()
    assert index.count([PROGRAM_HELP]) == len(facts())
