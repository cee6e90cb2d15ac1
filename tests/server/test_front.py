"""The front of a fleet and its way to a replica, without Ray."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest

from inference import InferenceError
from tests.server.conftest import chat
from tests.server.running import get, post
from tests.server.test_clients import CHAT, begin, until
from tui.server.answer import HEADERS
from tui.server.errors import RequestError
from tui.server.front import Front
from tui.server.health import STUCK_SECONDS, Health
from tui.server.relay import relayed

SYSTEM, USER = {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi!"}
REPLY, NEXT = {"role": "assistant", "content": "Hello!"}, {"role": "user", "content": "And?"}
LOST = RequestError(503, "replica_lost", "The replica is gone.")
START = {"type": "http.response.start", "status": 200, "headers": HEADERS}


def conversation(**values: Any) -> str:
    return relayed({"headers": []}, json.dumps(values).encode()).conversation


async def sent(front: Front, kind: str = "http", path: str = "/v1/models", client: str = "127.0.0.1") -> list[Any]:
    """What the application sends to a client from this address."""
    scope = {"type": kind, "method": "GET", "path": path, "headers": [(b"host", b"localhost")], "client": (client, 1)}
    messages = []
    unread = [{"type": "http.request"}]

    async def receive() -> dict[str, Any]:
        return unread.pop() if unread else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        messages.append(message)

    await front(scope, receive, send)
    return messages


def refused(messages: list[Any]) -> tuple[int, str]:
    return messages[0]["status"], json.loads(messages[1]["body"])["error"]["code"]


def test_replies_come_through_it_as_they_are(within):
    asked = chat("endless", seed=1, temperature=1, max_tokens=20)
    direct, behind = within.start(), within.start(front=True)
    texts = [post(served, CHAT, asked).json["choices"][0]["message"]["content"] for served in (direct, behind)]
    assert texts[0] == texts[1]
    streams = [post(served, CHAT, asked | {"stream": True}).body for served in (direct, behind)]
    assert [stream.count("data: ") for stream in streams] == [23, 23]
    assert post(behind, CHAT, chat("another")).refusal == (404, "model_not_found")
    assert get(behind, "/somewhere").refusal == (404, "unknown_url")


def test_it_has_a_name_of_its_own(within):
    served = within.start(front=True)
    assert get(served, "/v1/models", host="fleet.example").status == 200
    assert get(served, "/v1/models", host="pages.example").refusal == (403, "wrong_host")


def test_a_client_that_goes_away_cancels_its_request_at_the_replica(within):
    served = within.start(front=True)
    with begin(served, stream=True, n=2):
        until(lambda: within.api.running == 2)
    until(lambda: within.api.running == 0)


def test_turns_of_a_conversation_are_known_by_how_it_begins():
    first = conversation(messages=[SYSTEM, USER])
    assert first == conversation(messages=[SYSTEM, USER, REPLY, NEXT], temperature=1)
    assert first == conversation(messages=[SYSTEM, USER, {"role": "assistant", "content": "Regenerated."}])
    assert len({first, conversation(messages=[USER]), conversation(messages=[SYSTEM, NEXT]), ""}) == 4
    assert "Hi" not in first


def test_a_text_is_known_when_it_has_grown():
    text = "Once upon a time there was a house. " * 10
    assert conversation(prompt=text) == conversation(prompt=text + "In it lived a girl.")
    assert conversation(prompt=[*range(200)]) == conversation(prompt=[*range(300)])
    assert conversation(prompt=text) != conversation(prompt="Another" + text)


@pytest.mark.parametrize(
    "values", [{}, {"input": "a text"}, {"messages": []}, {"messages": 1}, {"messages": [1, SYSTEM]}, {"prompt": None}]
)
def test_other_requests_belong_to_no_conversation(values):
    assert conversation(**values) == ""


def test_what_cannot_be_read_is_for_the_replica_to_refuse():
    assert relayed({"headers": []}, b"\xff").conversation == ""
    assert conversation(messages=[{"role": "user", "content": "\ud800"}])
    assert conversation(prompt="\ud800")


async def fine(request):
    yield START


async def lost(request):
    raise LOST
    yield


async def lost_in_the_middle(request):
    yield START
    yield {"type": "http.response.body", "body": b"data: {}\n\n", "more_body": True}
    raise LOST


async def silent(request):
    await asyncio.Event().wait()
    yield


async def test_without_a_key_it_answers_its_own_machine_only():
    front = Front(fine, "localhost", None)
    assert (await sent(front, client="127.0.0.1"))[0] == START
    assert (await sent(front, client="::1"))[0] == START
    assert refused(await sent(front, client="192.0.2.1")) == (403, "no_api_key")
    assert refused(await sent(front, client="a name")) == (403, "no_api_key")
    assert refused(await sent(Front(fine, "localhost", "a-key"), client="192.0.2.1")) == (401, "invalid_api_key")


async def test_websockets_are_closed():
    assert await sent(Front(fine, "localhost", None), kind="websocket") == [{"type": "websocket.close"}]


async def test_a_replica_that_is_lost_is_told():
    assert refused(await sent(Front(lost, "localhost", None))) == (503, "replica_lost")
    last = (await sent(Front(lost_in_the_middle, "localhost", None)))[-1]
    assert json.loads(last["body"].removeprefix(b"data: "))["error"]["code"] == "replica_lost"
    assert not last.get("more_body")


async def test_it_is_healthy_while_a_replica_answers(monkeypatch):
    monkeypatch.setattr("tui.server.front.HEALTH_SECONDS", 0.05)
    assert (await sent(Front(fine, "localhost", "a-key"), path="/health"))[0]["status"] == 200
    assert refused(await sent(Front(silent, "localhost", None), path="/health")) == (503, "no_replica")
    assert refused(await sent(Front(lost, "localhost", None), path="/health")) == (503, "replica_lost")


def test_a_replica_is_unhealthy_that_computes_nothing_though_it_should():
    engine, api, now = SimpleNamespace(activity=SimpleNamespace(passes=0)), SimpleNamespace(running=0), [0.0]
    health = Health(engine, api, lambda: now[0])

    def after(seconds: float, running: int, passes: int) -> None:
        now[0] += seconds
        api.running, engine.activity.passes = running, passes
        health.check()

    after(10 * STUCK_SECONDS, running=0, passes=0)
    after(10, running=1, passes=0)
    after(STUCK_SECONDS, running=1, passes=1)
    after(STUCK_SECONDS, running=1, passes=1)
    with pytest.raises(InferenceError):
        after(1, running=1, passes=1)
    after(1, running=1, passes=2)
    after(10 * STUCK_SECONDS, running=0, passes=2)
