"""What an evaluation measures, and how it is reported."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.documents.question_sets import COLLECTION, OWN
from tests.documents.stub_embedder import StubEmbedder
from tui.documents.adding import Changes, embed, refresh
from tui.documents.errors import DocumentError
from tui.documents.evaluation import (
    Outcome,
    locate,
    measure_answers,
    measure_search,
    recall,
    reciprocal_rank,
)
from tui.documents.evaluation_report import as_json, plot, table
from tui.documents.grading import is_right
from tui.documents.index import DocumentIndex, Found
from tui.documents.questions import Question, read_questions

TEXTS = {
    "cellar.md": "# Cellar\n\nThe pump runs at\nnight. It drips.",
    "rain.md": "# Rain\n\nWater comes in by the window.",
    "old/rain.md": "# Rain\n\nIt did not rain.",
    "cake.md": "# Cake\n\nThe oven is hot at night.",
}
PUMP = Question(1, "When is the pump on?", ("at night",), "cellar.md", "the pump runs at night")
WATER = Question(2, "Where does the pump's stuff enter?", ("the window",), "rain.md", "by the window")
CAT = Question(3, "What is the name of the oven's cat?", (), "", "")


@pytest.fixture
def index(tmp_path: Path) -> DocumentIndex:
    folder = tmp_path / "house"
    for name, text in TEXTS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    index = DocumentIndex(tmp_path / "documents.db")
    refresh(index, index.add_root("house", folder), Changes())
    return index


class Parrot:
    """Says what it is given, or what it learnt."""

    def __init__(self, learnt: dict[str, str]) -> None:
        self.learnt = learnt
        self.asked: list[tuple[str, list[list[str]]]] = []

    def replies(self, question: str, passages: Sequence[Sequence[Found]]) -> list[str]:
        self.asked.append((question, [[found.path.name for found in group] for group in passages]))
        return [
            " ".join(found.passage.text for found in group) if group else self.learnt.get(question, "I don't know.")
            for group in passages
        ]


def searched(index: DocumentIndex, embedder: StubEmbedder | None = None) -> list[Outcome]:
    outcomes = locate(index, Path("q.jsonl"), [PUMP, WATER, CAT], [])
    measure_search(index, outcomes, embedder, [])
    return outcomes


def test_the_passage_is_found_by_the_end_of_its_path_and_a_quote(index: DocumentIndex) -> None:
    outcomes = locate(index, Path("q.jsonl"), [PUMP, WATER, CAT], ["house"])
    paths = [[str(found.path) for found in index.passages(outcome.right)] for outcome in outcomes]
    assert [len(each) for each in paths] == [1, 1, 0]
    assert paths[0][0].endswith("house/cellar.md")
    assert paths[1][0].endswith("house/rain.md")


@pytest.mark.parametrize(
    ("path", "quote", "sentence"),
    [
        ("attic.md", "x", "q.jsonl:7: the index has no document attic.md."),
        ("ellar.md", "the pump", "q.jsonl:7: the index has no document ellar.md."),
        ("rain.md", "the pump", "q.jsonl:7: the index has no passage of rain.md with the quote “the pump”."),
    ],
)
def test_a_question_without_its_passage_is_an_error(index: DocumentIndex, path: str, quote: str, sentence: str) -> None:
    with pytest.raises(DocumentError) as raised:
        locate(index, Path("q.jsonl"), [Question(7, "?", ("x",), path, quote)], [])
    assert str(raised.value) == sentence
    with pytest.raises(DocumentError):
        locate(index, Path("q.jsonl"), [PUMP], ["elsewhere"])


def test_words_vectors_and_both_are_ranked(index: DocumentIndex) -> None:
    stub = StubEmbedder()
    embed(index, stub)
    first, second, third = searched(index, stub)
    assert first.ranks["words"] == first.ranks["both"] == 1
    assert second.ranks["words"] is None
    assert second.ranks["vectors"] in (1, 2)
    assert third.ranks == {"words": None, "vectors": None, "both": None}
    assert set(second.right) < set(second.retrieved)


def test_without_an_embedding_model_words_alone_are_ranked(index: DocumentIndex) -> None:
    first, *_ = outcomes = searched(index)
    assert first.ranks == {"words": 1}
    assert table(outcomes, "parrot").splitlines()[0] == "3 questions, 2 of them with an answer in the documents"
    assert [line.split()[0] for line in table(outcomes, "parrot").splitlines()[3:]] == ["words"]


def test_recall_and_mean_reciprocal_rank_leave_out_questions_without_an_answer() -> None:
    ranks = [1, 4, None, 20]
    outcomes = [Outcome(PUMP, (1,), {"words": rank}) for rank in ranks] + [Outcome(CAT, (), {"words": None})]
    assert [recall(outcomes, "words", depth) for depth in (1, 5, 10, 50)] == [0.25, 0.5, 0.5, 0.75]
    assert reciprocal_rank(outcomes, "words") == pytest.approx((1 + 1 / 4 + 1 / 20) / 4)


def test_each_question_is_asked_without_with_found_and_with_right_passages(index: DocumentIndex) -> None:
    outcomes = searched(index)
    outcomes[0].retrieved += outcomes[1].right + outcomes[2].retrieved
    parrot = Parrot({WATER.text: "By the window.", CAT.text: "I don't know."})
    progress = []
    measure_answers(index, outcomes, parrot, 2, lambda done, total: progress.append((done, total)))
    assert progress == [(0, 3), (1, 3), (2, 3)]
    (_, pump), _, (_, cat) = parrot.asked
    assert pump[0] == []
    assert pump[1][0] == pump[2][0] == "cellar.md"
    assert len(pump[1]) == 2 and len(pump[2]) == 1
    assert len(cat) == 2  # there is no right passage
    assert [outcome.is_right("nothing") for outcome in outcomes] == [False, True, True]
    assert outcomes[0].is_right("right")
    assert not outcomes[2].is_right("retrieved")


def test_the_report_counts_what_became_better_and_worse(index: DocumentIndex) -> None:
    outcomes = searched(index)
    measure_answers(index, outcomes, Parrot({CAT.text: "I don't know."}), 2)
    report = table(outcomes, "parrot")
    assert "answers of parrot" in report
    rows = {line[:24].strip(): line[24:].split() for line in report.splitlines()}
    assert rows["without documents"] == ["0", "of", "2", "1", "of", "1", "1", "of", "3"]
    assert rows["with the right passage"] == ["2", "of", "2", "2", "of", "2"]
    values = as_json(outcomes, "parrot")
    assert values["answers"]["right"] == {"right": 2, "of": 2}
    assert values["answers"]["worse"] == 1
    assert f"made 1 worse (right before) and {values['answers']['better']} better" in report
    assert values["each"][2]["replies"]["nothing"] == {"text": "I don't know.", "right": True}
    assert "with the right passage   " + "█" * 36 + " 100%" in plot(outcomes)


def test_what_was_not_asked_is_not_counted(index: DocumentIndex) -> None:
    outcomes = searched(index)
    assert as_json(outcomes, "parrot")["answers"] is None
    assert "right answers" not in table(outcomes, "parrot")
    measure_answers(index, outcomes[:1], Parrot({}), 2)
    assert as_json(outcomes, "parrot")["answers"]["asked"] == 1
    assert "0 of 1" in table(outcomes, "parrot")


def test_the_project_own_set_fits_its_documents(tmp_path: Path) -> None:
    index = DocumentIndex(tmp_path / "documents.db")
    changes = Changes()
    refresh(index, index.add_root("own", COLLECTION), changes)
    assert changes.left_out == []
    outcomes = locate(index, OWN, read_questions(OWN), [])
    measure_search(index, outcomes, None, [])
    assert recall(outcomes, "words", 10) > 0.7  # most of them share a word with their passage
    for outcome in outcomes:
        for found in index.passages(outcome.right):
            assert is_right(found.passage.text, outcome.question), outcome.question
