"""Many clients, slow ones, and those that go away: nobody waits for another, and nothing is computed for nobody."""

import contextlib
import json
import select
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest

from tests.server.conftest import chat
from tests.server.running import PATIENCE, Served, ask, get, metric, post, program, read, request
from tui.server.api import SMALL
from tui.server.chat_request import ChatRequest, read_chat

CHAT = "/v1/chat/completions"
ENDLESS = {"max_tokens": 30_000, "temperature": 1, "seed": 1}


def until(condition: Callable[[], bool]) -> None:
    """Wait for a state."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def begin(served: Served, **changes: object) -> socket.socket:
    """Ask for an endless reply."""
    connection = served.connect()
    connection.sendall(request("POST", CHAT, json.dumps(chat("endless", **{**ENDLESS, **changes})).encode()))
    return connection


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_goes_away_cancels_its_request(within, stream):
    served = within.start()
    with begin(served, stream=stream, n=2) as connection:
        until(lambda: metric(served, "llm_tui_running") == 2)
        if stream:
            assert b"200 OK" in connection.recv(1000)
    until(lambda: metric(served, "llm_tui_running") == 0)
    assert metric(served, "llm_tui_generated_tokens_total") == 0  # not because they were through


@pytest.mark.parametrize("asked", [{}, {"n": 2}, {"stream": True}])
def test_a_client_that_ends_its_side_gets_its_answer(within, asked):
    served = within.start()
    with begin(served, **{**asked, "max_tokens": 300}) as connection:
        connection.shutdown(socket.SHUT_WR)
        reply = read(connection)
    assert reply.status == 200
    assert '"finish_reason":"length"' in reply.body


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_one_that_ends_its_side_is_told_at_once_what_is_there(within, version):
    with within.start().connect() as connection:
        connection.sendall(f"GET /v1/models HTTP/{version}\r\nHost: localhost\r\n\r\n".encode())
        connection.shutdown(socket.SHUT_WR)
        assert read(connection).json["data"][0]["id"] == "endless"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("waiting", [True, False])
def test_one_that_ends_its_side_and_then_goes_away_cancels_its_request(within, stream, waiting):
    served = within.start(most=1, waiting=1)
    with contextlib.ExitStack() as held:
        if waiting:
            held.enter_context(begin(served, stream=True))
            until(lambda: metric(served, "llm_tui_running") == 1)
        counted = "llm_tui_waiting" if waiting else "llm_tui_running"
        with begin(served, stream=stream) as connection:
            until(lambda: metric(served, counted) == 1)
            connection.shutdown(socket.SHUT_WR)
            if not waiting:
                connection.recv(1)  # it was asked whether it is there, or has a piece of its reply
            assert metric(served, counted) == 1
        until(lambda: metric(served, counted) == 0)
        assert metric(served, "llm_tui_generated_tokens_total") == 0


def test_one_that_ends_its_side_within_a_request_has_gone_away(within):
    served = within.start()
    with served.connect() as connection:
        connection.sendall(request("POST", CHAT, b"{" * 100)[:-1])
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b""


def test_one_that_goes_away_while_it_waits_gives_its_place_up(within):
    served = within.start(most=1, waiting=1)
    with begin(served, stream=True):
        until(lambda: metric(served, "llm_tui_running") == 1)
        with begin(served):
            until(lambda: metric(served, "llm_tui_waiting") == 1)
        until(lambda: metric(served, "llm_tui_waiting") == 0)


def test_too_many_at_once_wait_and_more_are_refused(within):
    served = within.start(most=2, waiting=1)
    with begin(served, stream=True, n=2):
        until(lambda: metric(served, "llm_tui_running") == 2)
        with begin(served, max_tokens=2) as waiting:
            until(lambda: metric(served, "llm_tui_waiting") == 1)
            refused = post(served, CHAT, chat("endless"))
            assert refused.refusal == (429, "too_many_requests")
            assert refused.headers["retry-after"] == "5"
            assert get(served, "/health").status == 200
            assert metric(served, "llm_tui_waiting") == 1
            assert not select.select([waiting], [], [], 0)[0]  # it waits yet


def test_one_that_waits_gets_its_turn(within):
    served = within.start(most=1, waiting=1)
    first = begin(served, stream=True)
    until(lambda: metric(served, "llm_tui_running") == 1)
    with begin(served, max_tokens=2) as second:
        until(lambda: metric(served, "llm_tui_waiting") == 1)
        first.close()
        assert read(second).json["usage"]["completion_tokens"] == 2


def test_one_that_waits_too_long_is_told_to_come_back(within, monkeypatch):
    monkeypatch.setattr("tui.server.admission.WAIT_SECONDS", 0.05)
    served = within.start(most=1, waiting=1)
    with begin(served, stream=True):
        until(lambda: metric(served, "llm_tui_running") == 1)
        refused = post(served, CHAT, chat("endless"))
    assert refused.refusal == (503, "busy")
    assert refused.headers["retry-after"] == "5"


def test_a_client_that_does_not_read_holds_up_nobody(within, monkeypatch):
    monkeypatch.setattr("tui.server.uvicorn_internals.STALLED_SECONDS", 0.5)
    served = within.start(most=17, waiting=0)
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", served.port))
        # What the system buffers is soon full.
        body = json.dumps(chat("endless", stream=True, n=16, logprobs=True, **ENDLESS)).encode()
        slow.sendall(request("POST", CHAT, body))
        until(lambda: metric(served, "llm_tui_running") == 16)
        assert post(served, CHAT, chat("endless")).json["usage"]["completion_tokens"] == 4
        until(lambda: metric(served, "llm_tui_running") == 0)  # its connection was ended


@pytest.mark.parametrize(
    ("limit", "sent", "refusal"),
    [
        ("tui.server.uvicorn_internals.HEAD_SECONDS", b"POST / HTTP/1.1\r\nHost:", (408, "slow_headers")),
        ("tui.server.uvicorn_internals.HEAD_SECONDS", b"", (408, "slow_headers")),
        (
            "tui.server.body.READ_SECONDS",
            f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{{".encode(),
            (408, "slow_body"),
        ),
    ],
)
def test_a_client_that_does_not_send_is_told_and_left(within, monkeypatch, limit, sent, refusal):
    monkeypatch.setattr(limit, 0.1)
    served = within.start()
    with served.connect() as connection:
        connection.sendall(sent)
        assert get(served, "/health").status == 200
        assert read(connection).refusal == refusal


def test_a_body_that_takes_long_to_read_holds_up_nobody(within, monkeypatch):
    reading, go_on = threading.Event(), threading.Event()

    def read_slowly(values: dict[str, object]) -> ChatRequest:
        reading.set()
        assert go_on.wait(PATIENCE)
        return read_chat(values)

    monkeypatch.setattr("tui.server.api.read_chat", read_slowly)
    served = within.start()
    with begin(served, metadata={"much": "x" * SMALL}, max_tokens=2) as connection:
        assert reading.wait(PATIENCE)
        assert get(served, "/health").status == 200
        go_on.set()
        assert read(connection).status == 200


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that reads on for as long as its client sends."""
    monkeypatch.setattr("tui.server.uvicorn_internals.LINGER_SECONDS", PATIENCE)
    monkeypatch.setattr("tui.server.unread.LINGER_SECONDS", PATIENCE)


def heard(connection: socket.socket) -> bytes:
    """All that comes. Raises ConnectionResetError where the server does not end it but breaks it off."""
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
    return received


def test_a_refusal_is_no_reset(within, patient):
    with within.start().connect() as connection:
        connection.sendall(request("POST", CHAT, b"x" * 900_000, host="evil.example"))
        assert b"wrong_host" in heard(connection)


def test_a_refusal_of_what_is_not_http_is_no_reset(within, patient):
    with within.start().connect() as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        assert connection.recv(10) == b"HTTP/1.1 4"
        connection.sendall(b"x" * 900_000)
        connection.shutdown(socket.SHUT_WR)
        assert b"invalid_http" in heard(connection)


@pytest.mark.parametrize("begun", [b"nonsense\r\n\r\n", request("POST", CHAT, host="evil.example")])
def test_who_is_refused_cannot_go_on_for_ever(within, patient, begun):
    chunked = begun.replace(b"Connection: close", b"Transfer-Encoding: chunked")
    with within.start().connect() as connection, pytest.raises((BrokenPipeError, ConnectionResetError)):
        connection.sendall(chunked)
        for _ in range(10_000):
            connection.sendall(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")


def test_connections_beyond_the_limit_are_refused(within, monkeypatch):
    monkeypatch.setattr("tui.server.uvicorn_internals.MOST_CONNECTIONS", 3)
    served = within.start()
    with contextlib.ExitStack() as held:
        for _ in range(3):
            held.enter_context(begin(served, stream=True)).recv(10)
        assert ask(served, b"").refusal == (503, "too_many_connections")


def test_requests_of_one_connection_come_one_after_the_other(within):
    served = within.start()
    body = json.dumps(chat("endless")).encode()
    one = request("POST", CHAT, body).replace(b"Connection: close\r\n", b"")
    with served.connect() as connection:
        connection.sendall(one + request("POST", CHAT, body))
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    assert received.count(b"HTTP/1.1 200 OK") == 2


def test_sixteen_clients_of_whom_some_leave(within):
    served = within.start(most=16, waiting=16)
    leaving = range(0, 16, 4)

    def talk(number: int) -> int:
        """The number of tokens of a reply, or 5 chunks of one that is left."""
        asked = chat("endless", seed=number, temperature=1) | (ENDLESS if number in leaving else {"max_tokens": 20})
        count = 0
        with (
            openai.OpenAI(base_url=served.url, api_key="none", max_retries=0, timeout=PATIENCE) as client,
            client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}) as stream,
        ):
            for chunk in stream:
                if chunk.usage:
                    return int(chunk.usage.completion_tokens)
                count += 1
                if number in leaving and count == 5:
                    break
        return count

    with ThreadPoolExecutor(16) as clients:
        counts = list(clients.map(talk, range(16)))
    assert counts == [5 if number in leaving else 20 for number in range(16)]
    until(lambda: metric(served, "llm_tui_running") == 0)
    assert metric(served, "llm_tui_waiting") == 0


def test_on_sigterm_replies_end_and_others_are_refused(tmp_path, endless_model):
    with program(tmp_path, "--model", endless_model, LLM_TUI_KERNELS="numpy") as served:
        with begin(served, stream=True, n=16, max_tokens=200) as one, begin(served, stream=True, n=16, max_tokens=200):
            until(lambda: metric(served, "llm_tui_running") == 32)
            with begin(served) as waiting:
                until(lambda: metric(served, "llm_tui_waiting") == 1)
                served.terminate()
                assert read(waiting).refusal == (503, "shutting_down")
            events = read(one).body.split("\n\n")
            assert events[-2] == "data: [DONE]"
            assert sum('"finish_reason":"length"' in event for event in events) == 16
        assert served.process is not None and served.process.wait(PATIENCE) == 128 + 15
        with pytest.raises(ConnectionRefusedError):
            served.connect()


def test_what_takes_too_long_after_sigterm_is_ended_and_told(within, monkeypatch):
    monkeypatch.setattr("tui.server.listening.DRAIN_SECONDS", 0.2)
    served = within.start()
    with begin(served, stream=True) as connection:
        connection.recv(1, socket.MSG_PEEK)
        within.stop()
        last = read(connection).body.split("\n\n")[-2]
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "shutting_down"
