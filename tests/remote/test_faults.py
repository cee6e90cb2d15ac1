"""What servers and connections do that they should not: each is one sentence, and the text that has come is kept."""

import contextlib
import itertools
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from inference import Event, Finished
from tests.fake_server import DONE, FakeServer, event, head, models, piece, refusal, serve
from tests.remote.conftest import LONG, ask, end, found, text
from tui.config.remotes import Address, RemoteServer
from tui.remote import call, event_stream, generation
from tui.remote import model as remote_model
from tui.remote.errors import LONGEST_SHOWN, RemoteError
from tui.remote.model import RemoteModel, connect, list_models

GARBLED = "{host} sends what is no stream of a reply ({why})."
CHUNKED = "Transfer-Encoding: chunked"
NO_EVENTS = "not server-sent events"


def told(model: RemoteModel, server: FakeServer, *answer: bytes | threading.Event) -> tuple[str, str]:
    """The text of a reply with this answer, and how it ends; the host is left out."""
    server.answers.append(answer)
    events = list(ask(model))
    return text(events), end(events).replace(server.host, "HOST")


@pytest.mark.parametrize(
    "answer",
    [
        [head(), piece("kept")],
        [head(), piece("kept"), b'data: {"choices"'],
        [head(200, "text/event-stream", "Content-Length: 100000"), piece("kept")],
        [head(200, "text/event-stream", CHUNKED), b"%x\r\n" % len(piece("kept")), piece("kept"), b"\r\n"],
        [head(200, "text/event-stream", CHUNKED), b"%x\r\n" % len(piece("kept")), piece("kept"), b"\r\nffff\r\ndat"],
    ],
)
def test_a_connection_that_is_cut(model: RemoteModel, server: FakeServer, answer: list[bytes]) -> None:
    assert told(model, server, *answer) == ("kept", "The connection to HOST was lost.")


def test_a_connection_that_is_cut_before_anything_came(model: RemoteModel, server: FakeServer) -> None:
    assert told(model, server) == ("", "The connection to HOST was lost.")
    assert told(model, server, b"HTTP/1.1 200 OK\r\nContent-Ty") == ("", GARBLED.format(host="HOST", why=NO_EVENTS))


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"data: {nonsense}\n\n", "invalid JSON"),
        (b"data: [1, 2]\n\n", "invalid JSON"),
        (b"data: " + b"[" * 100_000 + b"\n\n", "invalid JSON"),
        (b"data: " + b"9" * 10_000 + b"\n\n", "invalid JSON"),
        (b"data: \xff\xfe\n\n", "invalid UTF-8"),
        (b"data: " + b"x" * (event_stream.LONGEST_LINE + 1), "a line is too long"),
        ((b"data: " + b"x" * 100_000 + b"\n") * 11, "an event is too long"),
    ],
)
def test_a_garbled_stream(model: RemoteModel, server: FakeServer, sent: bytes, why: str) -> None:
    assert told(model, server, head(), piece("kept"), sent) == ("kept", GARBLED.format(host="HOST", why=why))


@pytest.mark.parametrize(
    "answer",
    [
        [head(200, "text/html"), b"<html>Welcome</html>"],
        [head(200, "application/json"), b"{}"],
        [head(200, "text/event-stream", "Content-Encoding: gzip"), b"\x1f\x8b\x08"],
    ],
)
def test_an_answer_that_is_no_stream(model: RemoteModel, server: FakeServer, answer: list[bytes]) -> None:
    assert told(model, server, *answer) == ("", GARBLED.format(host="HOST", why=NO_EVENTS))


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (refusal(400, "No."), "HOST refused the request (HTTP 400). No."),
        (refusal(401, "Give a key."), call.NEEDS_KEY.format(host="HOST") + " Give a key."),
        (refusal(403, "Wrong host."), "HOST refused the request (HTTP 403). Wrong host."),
        (refusal(404, "There is no model x."), "HOST refused the request (HTTP 404). There is no model x."),
        (
            [head(404, "text/html"), b"<html>"],
            "HOST has no /chat/completions: is the URL right? It usually ends in /v1.",
        ),
        (refusal(429, "Slow down."), "HOST takes no more requests now: try again later. Slow down."),
        (refusal(429, "", "Retry-After: 7"), "HOST takes no more requests now: try again in 7 seconds."),
        (refusal(429, "", "Retry-After: \x1b[31m"), "HOST takes no more requests now: try again later."),
        ([head(500, "text/plain"), b"traceback"], "HOST failed (HTTP 500)."),
        ([head(503, "text/html"), b"<html>" * 100_000], "HOST failed (HTTP 503)."),
        ([head(500, "application/json"), b'{"error": "flat"}'], "HOST failed (HTTP 500). flat"),
        ([head(422, "application/json"), b'{"detail": [1]}'], "HOST refused the request (HTTP 422)."),
        ([head(204, "text/plain")], "HOST refused the request (HTTP 204)."),
        (
            refusal(307, "", "Location: http://other/\x1b]8;;"),
            "HOST redirects to http://other/␛]8;;, which is not followed: use that address.",
        ),
    ],
)
def test_a_refusal(model: RemoteModel, server: FakeServer, answer: list[bytes], sentence: str) -> None:
    assert told(model, server, *answer) == ("", sentence)


# More than the system holds between two programs.
LONG_CHAT = [{"role": "user", "content": "x" * 2**25}]


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (refusal(401, "Wrong."), call.NEEDS_KEY.format(host="HOST") + " Wrong."),
        (refusal(413, "Too large."), "HOST refused the request (HTTP 413). Too large."),
        ([], "The connection to HOST was lost."),
        ([b"HTTP/1.1 41"], "HOST does not answer as an HTTP server does (BadStatusLine)."),
    ],
)
def test_a_long_request_that_is_cut_off(
    model: RemoteModel, server: FakeServer, answer: list[bytes], sentence: str
) -> None:
    server.hasty = True
    server.answers.append(answer)
    events = list(model.session({}).reply(LONG_CHAT))
    assert end(events).replace(server.host, "HOST") == sentence


def test_a_server_that_is_gone(model: RemoteModel, server: FakeServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    gone = replace(model, server=RemoteServer(f"http://127.0.0.1:{port}/v1"))
    events = list(gone.session({}).reply(LONG_CHAT))
    assert end(events) == f"127.0.0.1:{port} refuses connections: is the server running?"


def test_what_a_server_says_is_one_line_without_control_sequences(model: RemoteModel, server: FakeServer) -> None:
    _, sentence = told(model, server, *refusal(400, "a\n\x1b[2Jb" + "c" * 10_000))
    assert "a ␛[2Jbccc" in sentence and len(sentence) < LONGEST_SHOWN + 100


def test_an_error_in_the_middle(model: RemoteModel, server: FakeServer) -> None:
    error = event({"error": {"message": "Out of memory."}})
    assert told(model, server, head(), piece("kept"), error) == ("kept", "HOST could not go on. Out of memory.")
    assert told(model, server, head(), piece("kept", "content_filter")) == (
        "kept",
        "A filter of HOST has ended the reply.",
    )


def test_fields_of_other_kinds_are_no_text(model: RemoteModel, server: FakeServer) -> None:
    strange = [{"choices": 3}, {"choices": []}, {"choices": [7]}, {"choices": [{"delta": [], "finish_reason": 5}]}]
    strange += [{"choices": [{"delta": {"content": {"a": 1}}}]}, {"usage": {"prompt_tokens": -5}}, {"usage": []}]
    assert told(model, server, head(), *map(event, strange), piece("a", "stop"), DONE) == ("a", "stop")


def test_halves_of_characters_can_be_stored(model: RemoteModel, server: FakeServer) -> None:
    half = json.dumps({"choices": [{"delta": {"content": "a\ud83db"}}]}).encode()
    said, _ = told(model, server, head(), b"data: ", half, b"\n\n", piece("", "stop"), DONE)
    assert said.startswith("a") and said.endswith("b") and "�" in said
    said.encode()


@pytest.mark.parametrize(
    "sent",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000,
    ],
)
def test_what_is_no_http(model: RemoteModel, server: FakeServer, sent: bytes) -> None:
    _, sentence = told(model, server, sent, b"\r\n\r\n")
    assert sentence.startswith("HOST does not answer as an HTTP server does (")


def test_headers_that_never_end(server: FakeServer) -> None:
    """A line now and then keeps the socket from timing out, and is no sign of life."""
    impatient = replace(found(server), patience=replace(LONG, silence=0.3))
    never = threading.Event()
    server.answers.append(dripping(never, b"HTTP/1.1 100 Continue\r\n\r\n"))
    sentence = end(list(ask(impatient)))
    never.set()
    assert sentence == f"{server.host} has sent nothing for 0 seconds."


def dripping(stop: threading.Event, drop: bytes) -> Iterator[bytes]:
    while not stop.wait(0.01):
        yield drop


@pytest.mark.parametrize("endless", ["headers", "body", "trailer"])
def test_a_list_that_never_ends(server: FakeServer, endless: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_model, "LISTING", replace(LONG, silence=0.3))
    begun, line = {
        "headers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        "body": (head(200, "application/json"), b" "),
        "trailer": (head(200, "application/json", CHUNKED) + b"2\r\n{}\r\n0\r\n", b"X: y\r\n"),
    }[endless]
    never = threading.Event()
    server.listing = itertools.chain([begun], dripping(never, line))
    with pytest.raises(RemoteError, match="takes too long for an answer that is short"):
        list_models(RemoteServer(server.url))
    never.set()


def test_a_handshake_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_model, "LISTING", replace(LONG, silence=0.3))
    never = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=shake_hands_slowly, args=(listener, never), daemon=True)
        thread.start()
        with pytest.raises(RemoteError, match="takes too long for an answer that is short"):
            list_models(RemoteServer(f"https://127.0.0.1:{listener.getsockname()[1]}/v1"))
        never.set()
        thread.join()


def shake_hands_slowly(listener: socket.socket, stop: threading.Event) -> None:
    """Begin a record of 16 KB, and send it byte by byte."""
    connection, _ = listener.accept()
    with connection, contextlib.suppress(OSError):
        connection.sendall(b"\x16\x03\x03\x40\x00")
        for drop in dripping(stop, b"\x02"):
            connection.sendall(drop)


def test_a_server_that_is_silent(server: FakeServer) -> None:
    never = threading.Event()
    impatient = replace(found(server), patience=replace(LONG, silence=0.3))
    server.answers += [[never], [head(), piece("kept"), never]]
    assert end(list(ask(impatient))).endswith("has sent nothing for 0 seconds.")
    events = list(ask(impatient))
    assert text(events) == "kept" and end(events).endswith("has sent nothing for 0 seconds.")
    never.set()


def test_a_reply_without_end(model: RemoteModel, server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation, "LONGEST_REPLY", 1000)
    kept, sentence = told(model, server, head(), *[piece("x" * 100)] * 20)
    assert len(kept) == 1000 and sentence == "HOST sends a reply of more than 1000 characters."
    monkeypatch.setattr(event_stream, "LARGEST_STREAM", 2**20)
    _, sentence = told(model, server, head(), *[b":" + b"n" * 100_000 + b"\n"] * 20)
    assert sentence == "HOST sends more than 1 MB for one reply."


def test_a_flood_of_text_is_shown_in_pieces(
    model: RemoteModel, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or to lay out a megabyte of a list would hold up the interface for seconds."""
    monkeypatch.setattr(generation, "MOST_AT_ONCE", 10)
    sent = [f"{number:03} " * 4 for number in range(20)]
    server.answers.append([head(), *map(piece, sent), DONE])
    flooded = ask(model)
    events: list[Event] = []
    while not events or not isinstance(events[-1], Finished):
        found = flooded.poll()
        assert len(text(found)) <= 10
        events += found
    assert text(events) == "".join(sent)


def test_of_a_flood_that_is_stopped_nothing_more_is_shown(
    model: RemoteModel, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "MOST_AT_ONCE", 10)
    never = threading.Event()
    server.answers.append([head(), piece("word " * 50), never])
    flooded = ask(model)
    events: list[Event] = []
    while not text(events):
        events += flooded.poll()
    flooded.cancel()
    last = [*flooded.poll(), *flooded.poll()]
    never.set()
    assert text(events + last) == "word word word word " and end(last) == "cancelled"


def test_a_flood_of_events_is_paced(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(event_stream.time, "monotonic", lambda: 0.0)
    monkeypatch.setattr(event_stream.time, "sleep", slept.append)
    assert len(list(event_stream.paced([b""] * 35, most=10))) == 35
    assert slept == [1.0] * 3


def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(RemoteError, match=f"127.0.0.1:{port} refuses connections: is the server running"):
        connect(Address(f"http://127.0.0.1:{port}/v1"), RemoteServer(f"http://127.0.0.1:{port}/v1"))


def test_no_such_host() -> None:
    with pytest.raises(RemoteError, match=r"There is no host nowhere\.invalid:1"):
        list_models(RemoteServer("http://nowhere.invalid:1/v1"))
    with pytest.raises(RemoteError, match="There is no host"):
        list_models(RemoteServer(f"http://{'a' * 100}.invalid/v1"))


@pytest.mark.parametrize(
    ("listing", "sentence"),
    [
        (
            [head(200, "text/html"), b"<html>"],
            "HOST sends no list of models: is the URL right? It usually ends in /v1.",
        ),
        ([head(200, "application/json"), b'{"data": 1}'], "HOST sends no list of models: is the URL right? It usua"),
        ([head(200), b"x" * 5_000_000], "HOST sends more than 4194 KB where an answer is short."),
        (models("one", "two"), "Say which model of HOST is meant: http://HOST/v1#NAME. It lists one, two."),
        (models(), "Say which model of HOST is meant: http://HOST/v1#NAME. It lists none."),
        (models("\x1b[31m", ""), "Say which model of HOST is meant: http://HOST/v1#NAME. It lists none."),
        (refusal(404), "HOST has no /models: is the URL right? It usually ends in /v1."),
    ],
)
def test_lists_of_models(server: FakeServer, listing: list[bytes], sentence: str) -> None:
    server.listing = listing
    with pytest.raises(RemoteError) as raised:
        connect(Address(server.url), RemoteServer(server.url))
    assert str(raised.value).replace(server.host, "HOST").startswith(sentence)


def test_a_named_model_needs_no_list(server: FakeServer) -> None:
    server.listing = refusal(404)
    assert connect(Address(server.url, "x"), RemoteServer(server.url)).name == "x"
    server.listing = models("a", "b", context=4096)
    assert connect(Address(server.url, "b"), RemoteServer(server.url)).context == 4096
    assert connect(Address(server.url, "other"), RemoteServer(server.url)).context == 0


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that only those trust who are told to, with its key."""
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names]
    try:
        subprocess.run([*made, "-keyout", file, "-out", f"{file}.crt"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("openssl is missing")
    file.write_bytes(file.read_bytes() + Path(f"{file}.crt").read_bytes())
    return file


def test_https(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with serve(context) as server:
        with pytest.raises(RemoteError, match=f"The certificate of {server.host} is not trusted: self-signed cert"):
            found(server)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        model = found(server)
        assert text(list(ask(model))) == "Hello there."
        server.hasty = True
        server.answers.append(refusal(413, "Too large."))
        assert "Too large." in end(list(model.session({}).reply(LONG_CHAT)))
        server.hasty = False
        never = threading.Event()
        server.answers.append([head(), piece("kept"), never])
        reply = ask(model)
        events = iter(reply)
        assert text([next(events), next(events)]) == "kept"
        reply.cancel()
        assert end(list(events)) == "cancelled"
        never.set()


def test_https_asked_of_a_server_that_has_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer_plainly, args=(listener,))
        thread.start()
        with pytest.raises(RemoteError, match="does not speak HTTPS"):
            list_models(RemoteServer(f"https://127.0.0.1:{listener.getsockname()[1]}/v1"))
        thread.join()


def answer_plainly(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.recv(65536)
