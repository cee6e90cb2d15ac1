"""Questions for an evaluation, and what is wrong with files that have none."""

import json
from pathlib import Path

import pytest

from tests.documents.question_sets import COLLECTION, DEBIAN_FAQ, OWN
from tui.documents.errors import DocumentError
from tui.documents.questions import read_questions

GOOD = '{"question": "Who?", "answers": ["Ada", "Ms Lovelace"], "path": "a.md", "quote": "It was Ada"}'


def test_each_line_is_a_question(tmp_path: Path) -> None:
    file = tmp_path / "questions.jsonl"
    file.write_text(GOOD + '\n\n{"question": "When?", "answers": []}\n', encoding="utf-8-sig")
    first, second = read_questions(file)
    assert (first.line, first.text, first.answers) == (1, "Who?", ("Ada", "Ms Lovelace"))
    assert (first.path, first.quote) == ("a.md", "It was Ada")
    assert (second.line, second.answers, second.path, second.quote) == (3, (), "", "")


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("{", "invalid JSON"),
        ("[" * 100_000, "invalid JSON"),
        ("[]", "must be a JSON object"),
        ("{}", '"answers" must be a list of texts, empty if the documents have no answer'),
        ('{"answers": []}', '"question" must be a text'),
        ('{"question": " ", "answers": []}', '"question" must be a text'),
        ('{"question": "Who?", "answers": "Ada"}', '"answers" must be a list of texts'),
        ('{"question": "Who?", "answers": [""]}', '"answers" must be a list of texts'),
        ('{"question": "Who?", "answers": ["Ada"]}', '"path" must be a text'),
        ('{"question": "Who?", "answers": ["Ada"], "path": "a.md"}', '"quote" must be a text'),
        ('{"question": "Who?", "answers": [], "anser\\u001b": 1}', r'unknown field "anser\u001b"'),
    ],
)
def test_what_is_wrong_is_a_sentence_with_the_line(tmp_path: Path, line: str, what: str) -> None:
    file = tmp_path / "questions.jsonl"
    file.write_text(f"{GOOD}\n{line}\n")
    with pytest.raises(DocumentError) as raised:
        read_questions(file)
    assert str(raised.value).startswith(f"{file}:2: {what}")
    assert str(raised.value).count("\n") == 0


@pytest.mark.parametrize(
    ("content", "what"), [(b"", "has no questions"), (b"\n \n", "has no questions"), (b"\xff\x00", "is a binary file")]
)
def test_files_without_questions_are_refused(tmp_path: Path, content: bytes, what: str) -> None:
    file = tmp_path / "questions.jsonl"
    file.write_bytes(content)
    with pytest.raises(DocumentError, match=what):
        read_questions(file)
    with pytest.raises(DocumentError, match="does not exist"):
        read_questions(tmp_path / "missing.jsonl")


def test_the_questions_of_the_project_are_many_and_different() -> None:
    questions = read_questions(OWN)
    assert len({question.text for question in questions}) == len(questions) >= 60
    documents = [path for path in COLLECTION.rglob("*") if path.is_file()]
    assert len(documents) >= 40
    assert {path.suffix for path in documents} >= {".md", ".txt", ".html", ".rst", ".py"}
    assert 5 <= sum(not question.answers for question in questions) <= len(questions) / 4
    faq = read_questions(DEBIAN_FAQ)
    assert len(faq) == 40
    for question in faq:  # they say where an answer is, in a package that is not ours
        assert len(json.dumps(question.quote)) < 50
