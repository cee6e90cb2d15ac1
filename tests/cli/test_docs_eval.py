"""`llm-tui docs eval`: its figures, its model, and what it says when something is missing."""

import json
from pathlib import Path
from typing import ClassVar

import pytest

from tests.cli.running import run
from tests.documents.stub_embedder import StubEmbedder
from tests.stubs.fake_engine import FakeEngine, FakeModel
from tests.stubs.script import Script
from tui.cli import docs, docs_eval
from tui.cli.document_index import NO_DOCUMENTS
from tui.documents.retrieval import WORDS_ALONE

QUESTIONS = """\
{"question": "When do pumps run?", "answers": ["at night"], "path": "house/pump.md", "quote": "runs at night"}
{"question": "How many tiles are there?", "answers": ["nineteen", "19"], "path": "roof.txt", "quote": "nineteen tiles"}
{"question": "Who made the pump?", "answers": []}
"""


class OneEngine(FakeEngine):
    """``made``: the numbers of sessions of all engines."""

    made: ClassVar[list[int]] = []

    def __enter__(self) -> "OneEngine":
        return self

    def __exit__(self, *_: object) -> None:
        self.made.append(len(self.sessions))
        self.close()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATA", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / "home" / name.lower()))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    folder = tmp_path / "house"
    folder.mkdir()
    (folder / "pump.md").write_text("# Pump\n\nThe pump runs at night.\n")
    (folder / "roof.txt").write_text("The roof has nineteen tiles.\n")
    run("docs", "add", folder)
    file = tmp_path / "questions.jsonl"
    file.write_text(QUESTIONS)
    return file


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """What the model of this test says."""
    script = Script()
    folder = tmp_path / "chatty"
    folder.mkdir()
    (folder / "tokenizer_config.json").write_text('{"chat_template": "x"}')
    monkeypatch.setattr(docs_eval, "load", lambda settings, which: FakeModel(folder, "float32", script))
    monkeypatch.setattr("inference.Engine", OneEngine)
    return script


def test_what_is_found_is_measured_without_a_chat_model(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run("docs", "eval", file, "--no-answers")
    assert (result.returncode, result.stderr) == (0, WORDS_ALONE + "\n")
    assert result.stdout.startswith("3 questions, 2 of them with an answer in the documents\n")
    assert "words       100.0%    100.0%     100.0%  1.000\n" in result.stdout
    stub = StubEmbedder()
    for module in (docs, docs_eval):
        monkeypatch.setattr(module, "load_embedder", lambda settings: stub)
    run("docs", "refresh")
    values = json.loads(run("docs", "eval", file, "--no-answers", "--json").stdout)
    assert list(values["search"]) == ["words", "vectors", "both"]
    assert values["answers"] is None


def test_answers_without_documents_with_found_and_with_right_passages(file: Path, script: Script) -> None:
    for reply in ("By day.", "At night.", "At night.", "Nineteen.", "Twenty.", "19", "Unknown.", "The smith."):
        script.reply(reply)
    OneEngine.made.clear()
    result = run("docs", "eval", file, "--model", "chatty", "--json")
    assert OneEngine.made == [3]  # each would keep its cache
    values = json.loads(result.stdout)
    answers = values["answers"]
    assert (answers["model"], answers["asked"]) == ("chatty", 3)
    assert [answers[given]["right"] for given in ("nothing", "retrieved", "right")] == [2, 1, 2]
    assert (answers["worse"], answers["better"]) == (2, 1)
    assert values["each"][0]["replies"]["nothing"] == {"text": "By day.", "right": False}
    assert script.prompts[0].count("The pump runs") == 0
    assert script.prompts[1].count("The pump runs") == script.prompts[2].count("The pump runs") == 1
    assert result.stderr == WORDS_ALONE + "\n"


def test_interrupted_it_prints_what_was_computed(file: Path, script: Script) -> None:
    replies = iter(["x", "At night.", "At night."])

    def usual() -> list[str]:
        if (reply := next(replies, None)) is None:
            raise KeyboardInterrupt
        return [reply]

    script.usual = usual
    written: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(docs_eval, "writer", lambda: written.append)
        patch.setattr(docs_eval, "tell", written.append)
        with pytest.raises(KeyboardInterrupt):
            run("docs", "eval", file)
    assert "Interrupted after 1 of 3 questions." in written
    assert "with what was retrieved" in written[-1]
    assert "3 questions" in written[-1]
    assert "Of 1 answers" in written[-1]


def test_passages_without_room_are_left_out_and_said(file: Path, script: Script, tmp_path: Path) -> None:
    (tmp_path / "chatty" / "config.json").write_text('{"max_position_embeddings": 50}')
    result = run("docs", "eval", file)
    assert "Left out, as the context had no room: " in result.stderr
    assert all("The pump runs" not in prompt for prompt in script.prompts)


def test_the_help_is_not_among_the_documents(file: Path) -> None:
    file.write_text('{"question": "x?", "answers": ["F2"], "path": "facts.toml", "quote": "F2 renames the session."}\n')
    assert "has no document facts.toml" in run("docs", "eval", file, "--no-answers").stderr
    assert run("docs", "eval", file, "--no-answers", "--collection", "llm-tui").returncode == 0


def test_what_is_wrong_is_one_sentence(file: Path, tmp_path: Path) -> None:
    def fails(*arguments: object) -> str:
        result = run("docs", "eval", *arguments, "--no-answers")
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
        return result.stderr

    assert fails(tmp_path / "none.jsonl") == f"{tmp_path / 'none.jsonl'} does not exist.\n"
    assert "There is no collection attic" in fails(file, "--collection", "attic")
    file.write_text(QUESTIONS + "{\n")
    assert fails(file) == f"{file}:4: invalid JSON.\n"
    file.write_text(QUESTIONS.replace('at night"}', 'by day"}'))
    assert fails(file) == f"{file}:1: the index has no passage of house/pump.md with the quote “runs by day”.\n"
    run("docs", "remove", "--collection", "documents")
    assert fails(file) == NO_DOCUMENTS + "\n"


def test_without_a_model_the_figures_of_the_search_are_printed(file: Path) -> None:
    result = run("docs", "eval", file, "--model", "nowhere/none")
    assert result.returncode == 1
    assert "found by" in result.stdout
    assert "nowhere/none" in result.stderr
