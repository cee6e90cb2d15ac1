"""The key of a server: sent to that server, and found nowhere else."""

import os
from pathlib import Path

import pytest

from tests.cli.running import run
from tests.fake_server import FakeServer, event, head, refusal, reply
from tests.remote.conftest import ask, end, found, text
from tui.config.paths import config_file
from tui.config.remotes import RemoteServer
from tui.remote.errors import RemoteError
from tui.remote.key import read_key

KEY = "sk-0123456789-very-secret"
PLAIN = "of printable ASCII characters without blanks."


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    return file


def test_the_key_of_a_file_or_variable_is_sent(server: FakeServer, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", f" {KEY} ")
    for key in ({"key_file": file}, {"key_variable": "SOME_KEY"}):
        assert text(list(ask(found(server, **key)))) == "Hello there."
        assert [each.headers["authorization"] for each in server.requests] == [f"Bearer {KEY}"] * 2
        server.requests.clear()


def test_a_changed_key_is_used_at_once(server: FakeServer, file: Path) -> None:
    model = found(server, key_file=file)
    file.write_text("another-key\n")
    list(ask(model))
    assert server.requests[-1].headers["authorization"] == "Bearer another-key"


@pytest.mark.parametrize("content", [b"", b"two words", b"two\nlines", b"\xff", b"x" * 5000, b"a\x00b"])
def test_what_is_no_key_is_not_repeated(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(RemoteError) as raised:
        read_key(RemoteServer("http://h/v1", key_file=tmp_path / "key"))
    assert str(raised.value) == f"The key file {tmp_path / 'key'} must hold one line with a key, " + PLAIN


def test_a_key_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match=r"/key cannot be read \(No such file or directory\)\."):
        read_key(RemoteServer("http://h/v1", key_file=tmp_path / "key"))
    with pytest.raises(RemoteError, match="The environment variable NO_SUCH_KEY is not set"):
        read_key(RemoteServer("http://h/v1", key_variable="NO_SUCH_KEY"))


def test_a_refusal_that_repeats_the_key(server: FakeServer, file: Path) -> None:
    model = found(server, key_file=file)
    server.answers.append(refusal(401, f"Incorrect API key provided: {KEY}."))
    told = end(list(ask(model)))
    assert told == f"{server.host} does not accept the key, or not for this model. Incorrect API key provided: …."


def test_an_error_within_a_reply_that_repeats_the_key(server: FakeServer, file: Path) -> None:
    server.answers.append([head(), event({"error": {"message": f"{'x' * 290}{KEY}"}})])
    assert "sk-" not in end(list(ask(found(server, key_file=file))))


def test_a_redirection_is_not_followed_with_the_key(server: FakeServer, file: Path) -> None:
    model = found(server, key_file=file)
    server.answers.append(refusal(307, "", f"Location: http://{server.host}/elsewhere"))
    assert "which is not followed" in end(list(ask(model)))
    assert [request.path for request in server.requests] == ["/v1/models", "/v1/chat/completions"]


def test_a_redirection_that_repeats_the_key(server: FakeServer, file: Path) -> None:
    server.answers.append(refusal(307, "", f"Location: http://{server.host}/elsewhere?key={KEY}"))
    assert "elsewhere?key=…, which is not followed" in end(list(ask(found(server, key_file=file))))


def test_the_key_is_in_no_file_and_no_output(server: FakeServer, file: Path, home: Path) -> None:
    """Of commands that use it, that fail, that export, and that tell what is configured."""
    config = config_file()
    config.parent.mkdir(parents=True)
    config.write_text(f'model = "{server.url}#tiny"\n[[remotes]]\nurl = "{server.url}"\nkey_file = "{file}"\n')
    server.answers += [reply("Hi."), refusal(500, f"Cannot use {KEY}."), reply("Hi again.")]
    outputs = [
        run("chat", "--session", "mine", "hello"),
        run("chat", "--session", "mine", "hello"),
        run("--plain", stdin="hello\n/show\n"),
        *(run("export", "mine", "--format", form) for form in ("md", "html", "json", "jsonl")),
        *(run(*command) for command in (["config"], ["config", "--json"], ["doctor"], ["models"], ["sessions"])),
    ]
    assert outputs[0].stdout == "Hi.\n" and outputs[1].returncode == 1 and "Hi again." in outputs[2].stdout
    assert f"{server.host} failed (HTTP 500)" in outputs[1].stderr
    assert all(KEY not in output.stdout + output.stderr for output in outputs)
    assert sum(request.headers.get("authorization") == f"Bearer {KEY}" for request in server.asked) == 3
    written = [each for each in home.rglob("*") if each.is_file() and each != file]
    assert len(written) > 2 and not [each for each in written if KEY.encode() in each.read_bytes()]
    assert KEY not in " ".join(os.environ.values())
