"""`llm-tui --plain`: chats line by line."""

import os
import signal
from pathlib import Path

import pytest

from tests.cli.running import run
from tests.e2e.talking import PROGRAM
from tests.e2e.terminal import Terminal
from tests.tiny_model import make_tiny_model
from tui.cli import plain
from tui.config.paths import config_file
from tui.config.settings import load_settings
from tui.conversation.conversation import Conversation
from tui.storage.store import Store


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "mine.db"


def stored(db: Path) -> list[Conversation]:
    store = Store(db)
    try:
        return [store.read(listing.id) for listing in store.sessions(100)]
    finally:
        store.close()


def chat(model: Path, db: Path, *lines: str, **settings: str) -> list[str]:
    """What is written for these lines, without the prompts."""
    done = run("--plain", "--model", model, "--db", db, stdin="".join(f"{line}\n" for line in lines), **settings)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.replace("You: ", "").splitlines()


@pytest.fixture(autouse=True)
def config(home: Path) -> Path:
    """The user's configuration: replies are short, and the same each time."""
    file = config_file()
    assert file.is_relative_to(home)
    file.parent.mkdir(parents=True)
    file.write_text("max_tokens = 4\ntemperature = 0\n")
    return file


def test_a_chat_is_written_line_by_line_and_saved(tiny_model: Path, db: Path) -> None:
    lines = chat(tiny_model, db, "hello", "//slash and \\", "a second line")
    assert lines[0].startswith("llm-tui, plain mode") and lines[1] == "Loading tiny…"
    assert sum(line.startswith("tiny: ") for line in lines) == 2
    assert not any(char in "".join(lines) for char in "┌│─╭▌")
    (conversation,) = stored(db)
    path = conversation.tree.path()
    assert [node.role for node in path] == ["user", "assistant"] * 2
    assert [path[0].text, path[2].text] == ["hello", "/slash and \na second line"]
    assert path[1].outcome.reason == "length" and len(path[1].token_ids) == 4


def test_a_later_turn_computes_only_what_is_new(tiny_model: Path, db: Path) -> None:
    chat(tiny_model, db, "hello there, how is the weather today?", "and now?")
    (conversation,) = stored(db)
    first, second = (node.outcome for node in conversation.tree.path()[1::2])
    assert second.reused_tokens >= first.prompt_tokens


def test_versions_and_going_back(tiny_model: Path, db: Path) -> None:
    lines = chat(
        *(tiny_model, db, "hello", "/regenerate", "/previous-version", "/continue-reply", "/roll-back"),
        *("/next-version", "/show", "/rename Mine"),
    )
    assert any(line.startswith("tiny, version 2 of 2: ") for line in lines), "the new one"
    assert any(line.startswith("tiny, version 1 of 2: ") for line in lines)
    assert "Rolled back; /next-version brings it back. Your message was: hello" in lines
    assert lines[-1] == "Mine."
    (conversation,) = stored(db)
    replies = conversation.tree.children(conversation.tree.path()[0].id)
    assert conversation.title == "Mine" and len(replies) == 3
    assert replies[2].text.startswith(replies[0].text) and len(replies[2].text) > len(replies[0].text)


def test_the_oldest_turns_are_left_out_of_a_full_context(tiny_model: Path, db: Path, config: Path) -> None:
    config.write_text(f"{config.read_text()}context = 256\n")
    lines = chat(tiny_model, db, "/leave-out", *["word " * 15] * 4, "/leave-out")
    assert lines[1] == "There is nothing that could be left out."
    assert any("/leave-out answers without" in line for line in lines)
    assert any("The model does not see the oldest" in line for line in lines)
    (conversation,) = stored(db)
    last = conversation.tree.path()[-1]
    assert last.role == "assistant" and last.context_start is not None


def test_a_model_is_changed_only_if_it_can_be_used(tiny_model: Path, db: Path) -> None:
    done = run("--plain", "--db", db, stdin=f"/model {tiny_model}\nhello\n/model no/where\nand now\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Model: tiny." in done.stdout and "no/where" in done.stdout and done.stdout.count("tiny: ") == 2


def test_the_guide_names_a_model_where_there_are_no_keys(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.services.model_offer.DECLINES", "")
    done = run("--plain", "--db", db, stdin="hello\n")
    assert "/model smollm2" in done.stdout


def test_a_message_that_had_no_model_is_told_of_with_the_next_one(tiny_model: Path, db: Path) -> None:
    store, gone = Store(db), Conversation(title="gone", model=str(tiny_model.parent / "nowhere"))
    store.save(gone)
    store.close()
    model = f"/model {tiny_model}"
    lines = chat(tiny_model, db, "/sessions", "/open 1", "hello", model, "/regenerate", model)
    assert lines.count("Your last message has no reply yet: /regenerate asks for one.") == 1
    (session,) = stored(db)
    assert [node.role for node in session.tree.path()] == ["user", "assistant"]


def test_sessions_are_listed_and_opened(tiny_model: Path, db: Path) -> None:
    chat(tiny_model, db, "first", "/new-session", "second")
    lines = chat(tiny_model, db, "/open 1", "/sessions", "/open 2", "third", "/open 9")
    assert "Give a number of the list: /sessions, then /open NUMBER." in lines
    titles = {each.shown_title: len(each.tree) for each in stored(db)}
    assert titles == {"first": 4, "second": 2}


def test_a_session_keeps_its_own_settings(tiny_model: Path, db: Path) -> None:
    own = {"sampling": {"max_tokens": 400}, "context": 256}
    store = Store(db)
    store.save(Conversation("chat", model=str(tiny_model), title="Mine", settings=own))
    store.close()
    chat(tiny_model, db, "/sessions", "/open 1", "hello")
    (outcome,) = [each.tree.path()[-1].outcome for each in stored(db)]
    assert (outcome.reason, outcome.prompt_tokens + outcome.generated_tokens) == ("context", 256)
    assert outcome.params["max_tokens"] == 400


def test_a_private_session_is_not_saved(tiny_model: Path, db: Path, tmp_path: Path) -> None:
    chat(tiny_model, db, "/private", "xyzzy", "/rename xyzzy", "/new-session", "open")
    assert [each.shown_title for each in stored(db)] == ["open"]
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"xyzzy" in path.read_bytes()]


def test_questions_are_asked_with_attached_documents(tiny_model: Path, db: Path, tmp_path: Path) -> None:
    (tmp_path / "pump.md").write_text("# Pump\n\nThe pump runs at night.\n")
    assert run("docs", "add", tmp_path / "pump.md", "--collection", "notes", "--db", db).returncode == 0
    lines = chat(
        *(tiny_model, db, "/docs", "/docs notes, nowhere", "before", "/docs notes", "When does the pump run?"),
        *("/regenerate", "/docs none", "And by day?"),
    )
    assert "Collections: llm-tui, notes. `llm-tui docs add PATH` adds documents." in lines
    assert "No documents are attached." in lines and "Questions are answered from notes." in lines
    assert "There is no collection nowhere; /docs lists them." in lines
    assert lines.count("1 passage: [1] pump.md:1") == 1
    (conversation,) = stored(db)
    questions = [node for node in conversation.tree.path() if node.role == "user"]
    assert [[quote.name for quote in node.quotes or ()] for node in questions] == [[], ["pump.md"], []]
    assert len(conversation.tree.children(questions[1].id)) == 2


def test_documents_that_went_away_are_told(tiny_model: Path, db: Path, tmp_path: Path) -> None:
    (tmp_path / "pump.md").write_text("# Pump\n\nThe pump runs at night.\n")
    run("docs", "add", tmp_path / "pump.md", "--collection", "notes", "--db", db)
    chat(tiny_model, db, "/docs notes", "hello")
    assert run("docs", "remove", "--collection", "notes", "--db", db).returncode == 0
    lines = chat(tiny_model, db, "/sessions", "/open 1", "And the pump?")
    assert "Asked without documents: There is no collection notes any more." in lines
    assert sum(line.startswith("tiny: ") for line in lines) == 2, "the one before, and the new one"


def test_files_go_in_and_out(tiny_model: Path, db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("one\ntwo\n")
    lines = chat(
        *(tiny_model, db, "/file notes.txt", "/rename Mine", "/export html", "/export json out.json", "/export pdf"),
        *("/import out.json", "/import missing.json", "/file missing.txt"),
    )
    assert f"Exported to {tmp_path}/Mine.html." in lines
    assert "Imported 0 sessions from out.json; skipped 1 existing." in lines
    assert any("Formats: md, html, json, jsonl" in line for line in lines)
    assert any("missing.json does not exist" in line for line in lines)
    assert any("Cannot read missing.txt" in line for line in lines)
    assert stored(db)[0].tree.path()[0].text == "notes.txt:\n```\none\ntwo\n```"


def test_help_lists_every_command_and_others_are_told(tiny_model: Path, db: Path) -> None:
    lines = chat(
        tiny_model,
        db,
        "/help",
        "/nonsense",
        "/undo",
        "/modle",
        "/regenerate",
        "/continue-reply",
        "/roll-back",
        "/quit",
        "unread",
    )
    assert any(line.startswith("/regenerate: ") for line in lines)
    assert any("Unknown command /nonsense. /help lists" in line for line in lines)
    assert any("Unknown command /undo. Did you mean /roll-back or /next-version? " in line for line in lines)
    assert any("Unknown command /modle. Did you mean /model? " in line for line in lines)
    assert stored(db) == []


@pytest.mark.e2e
def test_on_a_terminal_nothing_is_redrawn_and_ctrl_c_stops(talkative: Path, db: Path, config: Path) -> None:
    config.write_text("plain = true\ntemperature = 0\n")
    with Terminal([PROGRAM, "--model", str(talkative), "--db", str(db)], env={"TERM": "dumb"}) as terminal:
        terminal.until("You:")
        terminal.press("hello", "enter")
        terminal.until("talkative: .+")
        terminal.press("\x03")
        terminal.until("Stopped")
        assert b"\x1b" not in terminal.raw.replace(b"\x1b[?2004h", b"").replace(b"\x1b[?2004l", b"")
        terminal.press("\x04")
        assert terminal.wait() == 0
    (conversation,) = stored(db)
    assert conversation.tree.path()[-1].outcome.reason == "cancelled"


@pytest.mark.e2e
@pytest.mark.parametrize("pipe", ["", " | cat"])
def test_what_is_typed_at_the_prompt_is_shown(db: Path, pipe: str) -> None:
    with Terminal(["sh", "-c", f"{PROGRAM} --plain --db {db}{pipe}"]) as terminal:
        terminal.until("You:")
        terminal.press("/nobody")
        terminal.until("You: /nobody\n")
        terminal.press("\x7f", "t", "enter")
        terminal.until(r"(?s)Unknown command /nobodt.*\nYou:")
        terminal.press("/nonsense")
        terminal.until("You: /nonsense\n")
        terminal.press("enter", "\x04")
        assert terminal.wait() == 0


def test_ctrl_c_interrupts_no_save(
    talkative: Path, db: Path, config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text("temperature = 0\n")
    begun: list[str] = []
    done: list[str] = []
    save = Store.save

    def interrupted(store: Store, conversation: Conversation) -> None:
        begun.append(conversation.id)
        if len(begun) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        save(store, conversation)
        done.append(conversation.id)

    lines = ["hello"]

    def line(prompt: str) -> str:
        if not lines:
            raise EOFError
        return lines.pop()

    monkeypatch.setattr(Store, "save", interrupted)
    monkeypatch.setattr(plain, "KEEP_SECONDS", 0)
    monkeypatch.setattr("builtins.input", line)
    plain.run_plain(load_settings(model=str(talkative), db=db))
    assert "Stopped." in capsys.readouterr().out and len(begun) > 3 and begun == done
    (conversation,) = stored(db)
    assert conversation.tree.path()[-1].outcome.reason == "cancelled"


@pytest.mark.slow
@pytest.mark.e2e
def test_what_is_typed_during_a_reply_is_the_next_line(talkative: Path, db: Path, config: Path) -> None:
    config.write_text("max_tokens = 2000\ntemperature = 0\n")
    with Terminal([PROGRAM, "--plain", "--model", str(talkative), "--db", str(db)]) as terminal:
        terminal.until("You:")
        terminal.press("hello", "enter")
        terminal.until("talkative: .+")
        terminal.press("early\x7f\x7f\x7f\x7f\x7flater", "enter", "\x03", "\x04")
        assert terminal.wait() == 0
        assert terminal.canonical
    (conversation,) = stored(db)
    assert [node.text for node in conversation.tree.path()[::2]] == ["hello", "later"]


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_was_written_is_kept_when_it_is_ended(
    talkative: Path, db: Path, config: Path, number: signal.Signals
) -> None:
    config.write_text("temperature = 0\n")
    with Terminal([PROGRAM, "--plain", "--model", str(talkative), "--db", str(db)]) as terminal:
        terminal.until("You:")
        terminal.press("hello", "enter")
        terminal.until("talkative: .+")
        terminal.signal(number)
        assert terminal.wait() == 128 + number
    (conversation,) = stored(db)
    assert conversation.tree.path()[-1].text


@pytest.fixture(scope="session")
def talkative(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("models") / "talkative", max_position_embeddings=8192)
