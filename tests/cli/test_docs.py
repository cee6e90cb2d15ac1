"""`llm-tui docs`: what is added, listed, found, refreshed and removed, and what is said about the rest."""

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.running import run
from tests.documents.question_sets import OWN
from tests.documents.stub_embedder import StubEmbedder
from tui.cli import docs
from tui.cli.docs import WORDS_ALONE
from tui.cli.document_index import NO_DOCUMENTS
from tui.config.help_topics import facts

HELP = f"llm-tui  1 document, {len(facts())} passages\n  the program's own help\n"
NOT_EMBEDDED = HELP.replace("passages", "passages (0 of them can be found by meaning)")
BERT = Path(__file__).parent.parent / "goldens" / "bert"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DATA", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / "home" / name.lower()))
    # An embedding model that is installed on this machine is not this test's.
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "home" / "data" / "llm-tui"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "house"
    folder.mkdir()
    (folder / "pump.md").write_text("# House\n\n## Pump\n\nThe pump runs at night.\n\x1b[31m\n")
    (folder / "roof.txt").write_text("The roof has nineteen tiles.\n")
    return folder


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> StubEmbedder:
    """An embedding model that is here."""
    stub = StubEmbedder()
    monkeypatch.setattr(docs, "load_embedder", lambda settings: stub)
    return stub


def test_documents_are_added_found_refreshed_and_removed(folder: Path, home: Path) -> None:
    added = run("docs", "add", folder)
    assert (added.returncode, added.stdout) == (0, "Documents: 2 added.\n")
    assert added.stderr == WORDS_ALONE + "\n"
    assert (home / "documents.db").exists()
    listed = run("docs", "list").stdout
    assert (
        listed == f"documents  2 documents, 2 passages (0 of them can be found by meaning)\n  {folder}\n" + NOT_EMBEDDED
    )
    found = run("docs", "search", "when do pumps run", "--collection", "documents").stdout.splitlines()
    assert found == [
        f"{folder / 'pump.md'}:1  House > Pump",
        "  # House ## Pump The pump runs at night. ␛[31m",
    ]
    (folder / "roof.txt").unlink()
    (folder / "cake.txt").write_text("A cake.")
    assert run("docs", "refresh").stdout == "Documents: 1 added, 1 removed, 1 unchanged.\n"
    removed = run("docs", "remove", folder)
    assert (removed.returncode, removed.stdout, removed.stderr) == (0, "", "")
    assert run("docs", "list").stdout == NOT_EMBEDDED


def test_for_programs(folder: Path) -> None:
    run("docs", "add", folder, "--collection", "house")
    summary, _help = json.loads(run("docs", "list", "--json").stdout)
    assert summary == {"name": "house", "paths": [str(folder)], "documents": 2, "passages": 2, "embedded": 0}
    (hit,) = json.loads(run("docs", "search", "tiles", "--json").stdout)
    assert (hit["path"], hit["line"], hit["heading"]) == (str(folder / "roof.txt"), 1, "roof.txt")
    assert hit["text"] == (folder / "roof.txt").read_text()[hit["start"] : hit["end"]]
    assert (hit["collection"], hit["word_rank"], hit["vector_rank"]) == ("house", 1, None)
    assert json.loads(run("docs", "search", "zeppelin", "--json").stdout) == []


def test_with_an_embedding_model_meaning_is_compared_too(folder: Path, stub: StubEmbedder) -> None:
    added = run("docs", "add", folder)
    assert (added.returncode, added.stderr) == (0, "")
    assert "by meaning" not in run("docs", "list").stdout
    found = run("docs", "search", "water", "--limit", "1")
    assert found.stdout.startswith(f"{folder / 'pump.md'}:1")
    assert found.stderr == ""


def test_the_embedding_model_is_found_among_the_downloads(folder: Path, home: Path) -> None:
    shutil.copytree(BERT, home / "models" / "sentence-transformers" / "all-MiniLM-L6-v2")
    assert run("docs", "add", folder).stderr == ""
    summary, _help = json.loads(run("docs", "list", "--json").stdout)
    assert summary["embedded"] == summary["passages"] == 2
    hits = json.loads(run("docs", "search", "x", "--json", "--collection", "documents").stdout)
    assert {hit["vector_rank"] for hit in hits} == {1, 2}


def test_what_is_left_out_is_named(folder: Path) -> None:
    for number in range(25):
        (folder / f"{number:02}.bin").write_bytes(b"\0")
    lines = run("docs", "add", folder).stderr.splitlines()
    assert lines[0] == f"{folder / '00.bin'} is a binary file."
    assert lines[20:] == ["Left out besides: 5 files.", WORDS_ALONE]


def test_a_folder_that_holds_what_was_added_takes_it_over(folder: Path) -> None:
    run("docs", "add", folder / "pump.md")
    run("docs", "add", folder)
    run("docs", "add", folder / "roof.txt")
    assert run("docs", "list").stdout.splitlines()[1:-2] == [f"  {folder}"]
    assert len(json.loads(run("docs", "search", "pump", "--json").stdout)) == 1
    run("docs", "add", folder / "pump.md", "--collection", "other")
    assert len(json.loads(run("docs", "search", "pump", "--json").stdout)) == 2
    only = json.loads(run("docs", "search", "pump", "--json", "--collection", "other").stdout)
    assert [hit["collection"] for hit in only] == ["other"]


def test_a_collection_is_removed(folder: Path) -> None:
    run("docs", "add", folder, "--collection", "a")
    run("docs", "add", folder, "--collection", "b")
    assert run("docs", "remove", "--collection", "a").returncode == 0
    names = [summary["name"] for summary in json.loads(run("docs", "list", "--json").stdout)]
    assert names == ["b", "llm-tui"]
    assert (folder / "pump.md").exists()


@pytest.mark.parametrize("command", [["refresh"], ["remove", "x"], ["eval", str(OWN)]])
def test_without_documents_it_says_how_to_add_some(home: Path, command: list[str]) -> None:
    result = run("docs", *command)
    assert (result.returncode, result.stdout, result.stderr) == (1, "", NO_DOCUMENTS + "\n")
    assert not (home / "documents.db").exists()


def test_the_programs_help_is_there_without_documents(stub: StubEmbedder) -> None:
    listed = run("docs", "list")
    assert (listed.returncode, listed.stdout, listed.stderr) == (0, NOT_EMBEDDED, NO_DOCUMENTS + "\n")
    found = run("docs", "search", "rename a session")
    assert (found.returncode, found.stderr) == (0, "")
    assert "llm-tui > Rename a session\n  F2 renames the session." in found.stdout
    assert run("docs", "list").stdout == HELP


def test_the_programs_help_stays_as_it_is(folder: Path) -> None:
    run("docs", "add", folder)
    before = run("docs", "list").stdout
    for command in (["add", folder], ["remove"]):
        refused = run("docs", *command, "--collection", "llm-tui")
        assert (refused.returncode, refused.stderr) == (
            1,
            "The collection llm-tui is the program's own help and cannot be changed.\n",
        )
    assert run("docs", "refresh", "--collection", "llm-tui").returncode == 0
    assert run("docs", "refresh").stdout == "Documents: 2 unchanged.\n"
    assert run("docs", "list").stdout == before


def test_the_programs_help_names_the_users_keys(tmp_path: Path) -> None:
    assert "F2 renames the session." in run("docs", "search", "rename the session", "--limit", "50").stdout
    config = tmp_path / "home" / "config" / "llm-tui" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('[keys]\nrename_session = "f11"\n')
    found = run("docs", "search", "rename the session", "--limit", "50").stdout
    assert "F11 renames the session." in found and "F2 renames the session." not in found


def test_what_is_wrong_is_one_sentence(folder: Path, home: Path, tmp_path: Path) -> None:
    missing = run("docs", "add", folder, tmp_path / "missing")
    assert (missing.returncode, missing.stderr) == (1, f"{tmp_path / 'missing'} does not exist.\n")
    assert not (home / "documents.db").exists()
    run("docs", "add", folder)
    assert "There is no collection nowhere" in run("docs", "search", "x", "--collection", "nowhere").stderr
    assert "was not added" in run("docs", "remove", tmp_path).stderr
    assert run("docs", "remove").returncode == 2
    (home / "documents.db").write_bytes(b"no database" * 500)
    damaged = run("docs", "list")
    assert (damaged.returncode, damaged.stderr.count("\n")) == (1, 1)
    assert "Remove it and add the documents again." in damaged.stderr


def test_interrupted_it_says_how_it_goes_on(folder: Path, stub: StubEmbedder, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stub, "embed", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run("docs", "add", folder)
    assert run("docs", "search", "water").stderr.startswith("2 passages can be found by words only")
    assert run("docs", "refresh").stdout == "Documents: 2 unchanged.\n"
    assert run("docs", "search", "water").stderr == ""


def test_the_index_is_beside_the_session_database(folder: Path, tmp_path: Path) -> None:
    assert run("docs", "add", folder, "--db", tmp_path / "mine" / "sessions.db").returncode == 0
    assert (tmp_path / "mine" / "documents.db").exists()


def test_the_help_is_searched_only_where_it_is_all_there_is_or_named(folder: Path) -> None:
    def found(*more: str) -> set[str]:
        hits = json.loads(run("docs", "search", "how does the pump quit?", "--json", *more).stdout)
        return {hit["collection"] for hit in hits}

    assert found() == {"llm-tui"}
    run("docs", "add", folder)
    assert found() == {"documents"}
    assert found("--collection", "llm-tui") == {"llm-tui"}


def test_where_nothing_could_be_read_the_exit_code_tells(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "data.bin").write_bytes(b"\0\xff" * 20)
    (tmp_path / "loop").symlink_to("loop")
    refused = run("docs", "add", tmp_path / "data.bin", tmp_path / "loop")
    assert (refused.returncode, refused.stdout) == (1, "Documents: none.\n")
    assert "data.bin is a binary file" in refused.stderr and "Too many levels" in refused.stderr
    assert run("docs", "add", tmp_path / "data.bin", folder).returncode == 0
