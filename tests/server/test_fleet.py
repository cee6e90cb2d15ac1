"""A fleet of two replicas on a real Ray."""

import ipaddress
import json
import shutil
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.server.conftest import KEY, chat
from tests.server.ray_cluster import Cluster, cluster, free_port
from tests.server.running import PATIENCE, Served, ask, get, post, read, request
from tests.server.test_clients import until
from tui.server.access import MOST_HEADERS
from tui.server.body import LARGEST

pytest.importorskip("ray", reason="needs Ray: pip install '.[fleet]'")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl, for Ray's certificate"),
]

CHAT = "/v1/chat/completions"
AUTHORIZED = (f"Authorization: Bearer {KEY}",)
CONVERSATIONS = 16
REPLICA = "ServeReplica:default:Replica"  # in the title of its process
ENDLESS = {"max_tokens": 30_000, "temperature": 1, "seed": 1}
Messages = list[dict[str, str]]


class Fleet:
    """``options``: of every deployment."""

    def __init__(self, ray: Cluster, *options: str) -> None:
        self.ray = ray
        self._options = options
        self._runners: list[subprocess.Popen[bytes]] = []
        self.served = Served(free_port())
        at = ("--http-host", "127.0.0.1", "--http-port", self.served.port, "--proxy-location", "HeadOnly")
        ray.call("start", *at)

    def deploy(self, *options: str) -> None:
        """Run it with these options instead of others."""
        runner = self.ray.start("run", "tui.server.fleet:fleet", *self._options, *options, until="is ready")
        self._runners.append(runner)

    def end(self) -> None:
        """End it as its user does."""
        for runner in self._runners:
            runner.send_signal(signal.SIGINT)
            runner.wait(PATIENCE)

    def replicas(self) -> list[psutil.Process]:
        return [process for process in self.ray.processes() if REPLICA in " ".join(process.cmdline())]

    def turn(self, messages: Messages) -> tuple[int, int]:
        """Ask, and add the reply and another question; returns the tokens of the prompt, and those found in a cache."""
        reply = post(self.served, CHAT, chat("endless", messages=messages), headers=AUTHORIZED)
        assert reply.status == 200, reply.body
        answer, usage = reply.json["choices"][0]["message"], reply.json["usage"]
        messages += [{"role": "assistant", "content": answer["content"]}, {"role": "user", "content": "And then?"}]
        return usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"]

    def begin(self, **changes: object) -> socket.socket:
        """Ask for a long reply, and await its first piece."""
        body = json.dumps(chat("endless", stream=True, **{**ENDLESS, **changes})).encode()
        connection = self.served.connect()
        connection.sendall(request("POST", CHAT, body, headers=AUTHORIZED))
        assert b"200 OK" in connection.recv(65536, socket.MSG_PEEK)
        return connection


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, endless_model: Path) -> Iterator[Fleet]:
    home = tmp_path_factory.mktemp("fleet")
    (home / "key").write_text(f"{KEY}\n")
    places = {f"XDG_{name}_HOME": str(home / name.lower()) for name in ("DATA", "CONFIG", "CACHE", "STATE")}
    options = (f"model={endless_model}", "replicas=2", "threads=1", f"api_key_file={home / 'key'}")
    with cluster(LLM_TUI_KERNELS="numpy", **places) as ray:
        fleet = Fleet(ray, *options)
        fleet.deploy()
        yield fleet
        fleet.end()


def nobody_on_other_machines_can_use_it(fleet: Fleet) -> None:
    connections = [each for process in fleet.ray.processes() for each in process.net_connections()]
    listening = {each.laddr for each in connections if each.status == "LISTEN"}
    assert len(listening) > 10
    for address in listening:
        if not ipaddress.ip_address(address.ip.removeprefix("::ffff:")).is_loopback:
            assert not greets(address.port)


def greets(port: int) -> bool:
    """Whether a gRPC server says anything to a client without a certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        try:
            with context.wrap_socket(connection) as encrypted:
                return encrypted.recv(1) != b""
        except (ssl.SSLError, ConnectionError):
            return False


def turns_meet_the_replica_that_has_their_prefix(fleet: Fleet) -> None:
    conversations = [[{"role": "user", "content": f"Tell me of {number}."}] for number in range(CONVERSATIONS)]
    firsts = [fleet.turn(messages) for messages in conversations]
    busy = fleet.replicas()[0]
    busy.suspend()  # for a moment, longer than Ray would wait by itself
    threading.Timer(1, busy.resume).start()
    met = [fleet.turn(messages)[1] >= tokens for messages, (tokens, _) in zip(conversations, firsts, strict=True)]
    # By chance it would be half of them. A replica that is slow for seconds is left for the other one.
    assert sum(met) >= 3 * CONVERSATIONS / 4


REFUSED: list[tuple[dict[str, Any], tuple[int, str]]] = [
    ({"headers": ()}, (401, "invalid_api_key")),
    ({"headers": ("Authorization: Bearer another",)}, (401, "invalid_api_key")),
    ({"host": "pages.example"}, (403, "wrong_host")),
    ({"headers": (*AUTHORIZED, "Origin: http://localhost")}, (403, "cross_origin")),
    ({"headers": AUTHORIZED, "body": b" " * (LARGEST + 1)}, (413, "body_too_large")),
    ({"headers": AUTHORIZED, "body": b"{"}, (400, "invalid_json")),
    ({"headers": (*AUTHORIZED, *(f"X-{number}: 1" for number in range(MOST_HEADERS)))}, (431, "too_many_headers")),
]


def who_may_not_ask_is_told(fleet: Fleet) -> None:
    for asked, refusal in REFUSED:
        assert ask(fleet.served, request("POST", CHAT, **{"body": b"{}", **asked})).refusal == refusal


def it_is_healthy_and_tells_its_model(fleet: Fleet) -> None:
    assert get(fleet.served, "/health").json == {"status": "ok"}
    assert get(fleet.served, "/v1/models", headers=AUTHORIZED).json["data"][0]["id"] == "endless"
    assert get(fleet.served, "/metrics", headers=AUTHORIZED).refusal == (404, "unknown_url")


def after_a_replica_was_killed_turns_are_answered(fleet: Fleet) -> None:
    conversations = [[{"role": "user", "content": f"Tell me of {number}."}] for number in range(CONVERSATIONS)]
    for messages in conversations:
        fleet.turn(messages)
    killed, _ = fleet.replicas()
    killed.kill()
    for messages in conversations:
        fleet.turn(messages)
    until(lambda: len(fleet.replicas()) == 2)


def a_reply_whose_replica_is_killed_ends_with_an_error(fleet: Fleet) -> None:
    with fleet.begin() as connection:
        for process in fleet.replicas():
            process.kill()
        last = read(connection).body.split("\n\n")[-2]
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "replica_lost"
    assert post(fleet.served, CHAT, chat("endless"), headers=AUTHORIZED).status == 200  # Ray has started others


def a_new_deployment_lets_replies_under_way_end(fleet: Fleet) -> None:
    before = fleet.replicas()
    numbers, ends = count(), set()

    def ask_on() -> None:
        """Ask until nothing of the deployment before is left."""
        while not deployed.done() or any(process.is_running() for process in before):
            messages = [{"role": "user", "content": f"Tell me of {next(numbers)}."}]
            with fleet.begin(messages=messages, max_tokens=200) as connection:
                ends.add(read(connection).body.split("\n\n")[-2])

    with ThreadPoolExecutor(5) as threads:
        deployed = threads.submit(fleet.deploy, "host=fleet.example")
        for asking in [threads.submit(ask_on) for _ in range(4)]:
            asking.result()
        deployed.result()
    assert ends == {"data: [DONE]"}
    assert get(fleet.served, "/health", host="fleet.example").status == 200


@pytest.mark.timeout(1500)
def test_a_fleet(fleet: Fleet) -> None:
    """All with one Ray, which takes a minute to start: two at once would be more than a small machine carries."""
    nobody_on_other_machines_can_use_it(fleet)
    turns_meet_the_replica_that_has_their_prefix(fleet)
    who_may_not_ask_is_told(fleet)
    it_is_healthy_and_tells_its_model(fleet)
    after_a_replica_was_killed_turns_are_answered(fleet)
    a_reply_whose_replica_is_killed_ends_with_an_error(fleet)
    a_new_deployment_lets_replies_under_way_end(fleet)
