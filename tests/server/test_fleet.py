"""A fleet of two replicas on a real Ray."""

import json
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.server.conftest import KEY, chat
from tests.server.ray_cluster import cluster, free_port
from tests.server.running import PATIENCE, Reply, Served, ask, get, post, read, request

pytest.importorskip("ray", reason="needs Ray: pip install '.[fleet]'")
pytestmark = pytest.mark.slow

CHAT = "/v1/chat/completions"
AUTHORIZED = (f"Authorization: Bearer {KEY}",)
CONVERSATIONS = 12  # would all meet their replicas by chance once in 4096 times
ENDLESS = {"max_tokens": 30_000, "temperature": 1, "seed": 1}
Messages = list[dict[str, str]]


@dataclass
class Fleet:
    """``runner``: `serve run`, which ends the fleet when it is interrupted."""

    served: Served
    runner: "subprocess.Popen[bytes]"

    def replicas(self) -> list[psutil.Process]:
        return [process for process in psutil.process_iter(["cmdline"]) if _is_replica(process)]

    def turn(self, messages: Messages) -> tuple[int, int]:
        """Ask, and add the reply and another question; returns the tokens of the prompt, and those found in a cache."""
        reply = post(self.served, CHAT, chat("endless", messages=messages), headers=AUTHORIZED)
        assert reply.status == 200, reply.body
        answer, usage = reply.json["choices"][0]["message"], reply.json["usage"]
        messages += [{"role": "assistant", "content": answer["content"]}, {"role": "user", "content": "And then?"}]
        return usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"]

    def begin(self) -> "Stream":
        return Stream(self.served)


class Stream:
    """An endless reply whose first piece is here."""

    def __init__(self, served: Served) -> None:
        body = json.dumps(chat("endless", stream=True, **ENDLESS)).encode()
        self._connection = served.connect()
        self._connection.sendall(request("POST", CHAT, body, headers=AUTHORIZED))
        assert self._connection.recv(65536)


def _is_replica(process: psutil.Process) -> bool:
    return "ServeReplica:default:Replica" in " ".join(process.info["cmdline"] or [])


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, endless_model: Path) -> Iterator[Fleet]:
    home = tmp_path_factory.mktemp("fleet")
    (home / "key").write_text(f"{KEY}\n")
    places = {f"XDG_{name}_HOME": str(home / name.lower()) for name in ("DATA", "CONFIG", "CACHE", "STATE")}
    port = free_port()
    with cluster(LLM_TUI_KERNELS="numpy", **places) as ray:
        ray.call("start", "--http-host", "127.0.0.1", "--http-port", port, "--proxy-location", "HeadOnly")
        options = (f"model={endless_model}", "replicas=2", "threads=1", f"api_key_file={home / 'key'}")
        runner = ray.start("run", "tui.server.fleet:fleet", *options, until="is ready")
        try:
            yield Fleet(Served(port), runner)
        finally:
            runner.send_signal(signal.SIGINT)
            runner.wait(PATIENCE)


def test_turns_meet_the_replica_that_has_their_prefix(fleet):
    conversations = [[{"role": "user", "content": f"Tell me of {number}."}] for number in range(CONVERSATIONS)]
    firsts = [fleet.turn(messages) for messages in conversations]
    for messages, (tokens, _) in zip(conversations, firsts, strict=True):
        assert fleet.turn(messages)[1] >= tokens
