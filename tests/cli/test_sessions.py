"""The commands on sessions: what they print, refuse and keep."""

import json
from pathlib import Path

import pexpect
import pytest

from tests.cli.running import COMMAND, run, start
from tui.conversation.conversation import Conversation
from tui.storage.store import OPEN_ELSEWHERE, Store


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """A chat about the weather, and a story, used last."""
    store = Store(tmp_path / "mine.db")
    chat = Conversation(id="a" * 32, updated=1.7e9, model="guide")
    chat.tree.add("user", "How is the weather? \x1b[31m")
    reply = chat.tree.begin("assistant")
    chat.tree.grow(reply.id, "Fine, 東京 too.")
    chat.tree.settle(reply.id, (1, 2), None)
    story = Conversation("story", id="b" * 32, updated=1.7e9 + 60, title="Lily's garden")
    story.tree.add("author", "Once upon a time")
    for conversation in (chat, story):
        store.save(conversation)
    store.close()
    return store.file


def test_the_list(db: Path) -> None:
    result = run("sessions", "--db", db)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "bbbbbbbb  2023-11-14 22:14  story   Lily's garden",
        "aaaaaaaa  2023-11-14 22:13  chat    How is the weather? ␛[31m",
    ]
    assert run("--db", db, "sessions").stdout == result.stdout


def test_pinned_sessions_come_first_and_are_marked(db: Path) -> None:
    store = Store(db)
    chat = store.open("a" * 32)
    chat.pinned = True
    store.save(chat)
    store.close()
    assert run("sessions", "--db", db).stdout.splitlines() == [
        "aaaaaaaa  2023-11-14 22:13  chat  * How is the weather? ␛[31m",
        "bbbbbbbb  2023-11-14 22:14  story   Lily's garden",
    ]
    assert "pinned ones (*) first" in run("sessions", "--help").stdout
    assert "1. How is the weather? ␛[31m (pinned)" in run("--plain", "--db", db, stdin="/sessions\n").stdout


def test_the_list_for_programs(db: Path) -> None:
    first, second = json.loads(run("sessions", "--json", "--db", db).stdout)
    assert (first["id"], first["title"], first["mode"]) == ("b" * 32, "Lily's garden", "story")
    assert (second["model"], second["pinned"], second["updated"]) == ("guide", False, 1.7e9)


def test_a_search(db: Path) -> None:
    none = run("sessions", "--search", "fine weath", "--db", db)
    assert (none.stdout, none.stderr) == ("", "No results.\n")
    found = run("sessions", "--search", "FINE", "--db", db).stdout.splitlines()
    assert found == ["aaaaaaaa  How is the weather? ␛[31m", "          Fine, 東京 too."]
    (hit,) = json.loads(run("sessions", "--search", "garden", "--json", "--db", db).stdout)
    assert (hit["session_id"], hit["node_id"], hit["marks"]) == ("b" * 32, None, [[7, 13]])


def test_a_search_that_finds_very_much_says_so(tmp_path: Path) -> None:
    store, conversation = Store(tmp_path / "s.db"), Conversation()
    for _ in range(201):
        conversation.tree.add("user", "needle")
    store.save(conversation)
    store.close()
    result = run("sessions", "--search", "needle", "--db", store.file)
    assert "Showing the 200 newest results." in result.stderr
    assert len(result.stdout.splitlines()) == 400


@pytest.mark.parametrize("kind", ["md", "json", "html"])
def test_an_export_goes_to_a_pipe_as_it_is_or_to_a_file(db: Path, tmp_path: Path, kind: str) -> None:
    piped = start("export", "aa", "--format", kind, "--db", db, LC_ALL="C")
    assert (piped.returncode, piped.stderr) == (0, "")
    assert "東京" in piped.stdout
    assert run("export", "aa", "--format", kind, "-o", "-", "--db", db).stdout == piped.stdout
    file = tmp_path / f"chat.{kind}"
    assert run("export", "aa", "--output", file, "--db", db).returncode == 0, "the suffix is a format"
    assert file.read_text() == piped.stdout
    refused = run("export", "aa", "--format", kind, "-o", file, "--db", db)
    assert refused.returncode == 1
    assert "--force" in refused.stderr and str(file) in refused.stderr
    assert run("export", "bb", "--format", kind, "-o", file, "--force", "--db", db).returncode == 0
    assert "Once upon a time" in file.read_text()


def test_a_terminal_gets_symbols(db: Path) -> None:
    terminal = pexpect.spawn(COMMAND[0], ["export", "aa", "--db", str(db)], encoding="utf-8", timeout=None)
    terminal.expect(pexpect.EOF)
    assert "\x1b" not in terminal.before
    assert "weather? ␛[31m" in terminal.before


def test_out_and_in_again(db: Path, tmp_path: Path) -> None:
    other, files = tmp_path / "deep" / "other.db", [tmp_path / "1.json", tmp_path / "2.json"]
    run("export", "aaaa", "--format", "json", "-o", files[0], "--db", db)
    result = run("import", files[0], "--db", other)
    assert (result.returncode, result.stdout, result.stderr) == (0, "Imported 1 session.\n", "")
    run("export", "aaaa", "--format", "json", "-o", files[1], "--db", other)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert run("import", files[0], "--db", other).stdout == "Imported 0 sessions; skipped 1 existing.\n"
    assert len(run("sessions", "--db", other).stdout.splitlines()) == 1


def test_an_import_names_what_it_left_out(tmp_path: Path) -> None:
    picture = {
        "author": {"role": "user"},
        "content": {"content_type": "multimodal_text", "parts": ["see", {"content_type": "image"}]},
    }
    file = tmp_path / "conversations.json"
    file.write_text(
        json.dumps([{"title": "t", "mapping": {"m": {"parent": None, "children": [], "message": picture}}}])
    )
    result = run("import", file, "--db", tmp_path / "s.db")
    assert (result.returncode, result.stdout) == (0, "Imported 1 session.\n")
    assert result.stderr.splitlines() == [
        "1 session has no available model and will use the default one.",
        "Left out: 1 × image.",
    ]


def test_several_files_and_what_is_wrong_with_one(tmp_path: Path) -> None:
    good, bad, mixed = (tmp_path / name for name in ("good.md", "bad.md", "mixed.json"))
    good.write_text("## User\n\nhello\n")
    bad.write_text("a note")
    mixed.write_text(
        '[{"chat_messages": [{"sender": "human", "text": "hi"}]}, {"chat_messages": 5, "name": "\\u001b]0;x"}]'
    )
    result = run("import", good, bad, mixed, "--db", tmp_path / "s.db")
    assert result.returncode == 1
    assert result.stdout == f"Imported 1 session from {good}.\nImported 1 session from {mixed}.\n"
    assert f"Cannot import {bad}: neither JSON nor Markdown" in result.stderr
    assert (
        "Not imported: session 2 cannot be read: its chat_messages are not a list of objects (“␛]0;x”)."
        in result.stderr
    )


def test_your_own_database_lies_in_the_data_directory(tmp_path: Path) -> None:
    file = tmp_path / "s.md"
    file.write_text("## User\n\nhello\n")
    home = {"XDG_DATA_HOME": str(tmp_path / "data"), "HOME": str(tmp_path)}
    none = run("sessions", **home)
    assert (none.returncode, none.stdout) == (0, "") and "No sessions yet" in none.stderr
    assert run("sessions", "--json", **home).stdout == "[]\n"
    assert run("import", file, **home).returncode == 0
    assert "hello" in run("sessions", **home).stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("export", "cc", "--db", "DB"), 1, "No session matches “cc”"),
        (("export", "", "--db", "DB"), 1, "Several sessions match"),
        (("export", "aa", "--format", "pdf", "--db", "DB"), 2, "pdf"),
        (("export", "aa", "--db", "/nowhere/s.db"), 1, "No sessions yet: /nowhere/s.db does not exist"),
        (("sessions", "--db", "/nowhere/s.db"), 1, "No sessions yet: /nowhere/s.db does not exist"),
        (("export", "aa", "--output", "/", "--db", "DB"), 2, "is a directory"),
        (("import", "/", "--db", "DB"), 1, "/ is not a file"),
        (("import", "/nowhere/x.json", "--db", "DB"), 1, "/nowhere/x.json does not exist"),
        (("import", "/nowhere/\x1b[31m", "--db", "DB"), 1, "/nowhere/\x1b[31m does not exist"),
        (("import", __file__, "--db", "DB"), 1, "neither JSON nor Markdown"),
        (("sessions", "--db", __file__), 1, "damaged"),
        (("sessions", "--db", "/dev/null"), 1, "/dev/null"),
        (("sessions", "--search", "x" * 2000, "--db", "DB"), 1, "at most 1000"),
    ],
)
def test_what_is_wrong_is_a_sentence(db: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    result = run(*(db if argument == "DB" else argument for argument in arguments))
    assert (result.returncode, "Traceback" in result.stderr) == (code, False)
    assert words in result.stderr
    assert result.stdout == ""


def test_a_question_within_a_session_goes_on_where_it_was(tmp_path: Path, tiny_model: Path) -> None:
    db = tmp_path / "mine.db"
    ask = ("chat", "--session", "errands", "--db", db, "--model", tiny_model, "--max-tokens", 6, "--temperature", 0)
    first, second = run(*ask, "hello"), run(*ask, "and then", "--system", "be brief", "--stats")
    assert (first.returncode, second.returncode) == (0, 0), second.stderr
    assert "New session “errands”." in first.stderr and "New session" not in second.stderr
    store = Store(db)
    (listing,) = store.sessions(limit=-1)
    path = store.read(listing.id).tree.path()
    store.close()
    assert listing.title == "errands"
    assert [node.role for node in path] == ["user", "assistant", "user", "assistant"]
    assert [path[1].text + "\n", path[3].text + "\n"] == [first.stdout, second.stdout]
    assert all(node.outcome is not None and len(node.token_ids) == 6 for node in path[1::2])
    for name in (listing.id[:8], "Errands"):
        found = run("chat", "again", "--session", name, *ask[3:])
        assert found.returncode == 0, found.stderr
    assert len(run("sessions", "--db", db).stdout.splitlines()) == 1
    exports = [run("export", name, "--db", db).stdout for name in (listing.id[:8], "errands", "Errands")]
    assert exports[0].startswith("<!-- llm-tui chat") and len(set(exports)) == 1


def test_a_story_is_no_place_for_a_question(db: Path, tiny_model: Path) -> None:
    result = run("chat", "hello", "--session", "Lily's garden", "--db", db, "--model", tiny_model)
    assert (result.returncode, result.stdout) == (1, "")
    assert "is a story" in result.stderr


def test_a_session_open_elsewhere_is_not_written(db: Path, tiny_model: Path) -> None:
    store = Store(db)
    store.open("a" * 32)
    result = run("chat", "hello", "--session", "aaaaaaaa", "--db", db, "--model", tiny_model)
    store.close()
    assert (result.returncode, result.stdout) == (1, "")
    assert OPEN_ELSEWHERE in result.stderr


def test_a_question_to_a_session_is_asked_with_its_documents(db: Path, tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "pump.md").write_text("# Pump\n\nThe pump runs at night.\n")
    run("docs", "add", tmp_path / "pump.md", "--collection", "notes", "--db", db)
    store = Store(db)
    store.save(Conversation("chat", title="House", settings={"documents": ["notes"]}))
    store.close()
    result = run(
        *("chat", "When does the pump run?", "--session", "House", "--db", db, "--model", tiny_model),
        *("--max-tokens", 2),
    )
    assert result.returncode == 0 and "1 passage: [1] pump.md:1" in result.stderr.splitlines()
    store = Store(db)
    question = store.read(store.sessions(1)[0].id).tree.path()[-2]
    store.close()
    assert question.quotes is not None and [quote.text for quote in question.quotes] == [
        "# Pump\n\nThe pump runs at night."
    ]
