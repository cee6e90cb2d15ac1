"""Starts a Ray of one node, on the loopback, and ends all of it."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.server.running import PATIENCE

BIN = Path(sys.executable).parent
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
    # Has Ray listen on 127.0.0.1 only, as where it cannot have more than one machine.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
}


class Cluster:
    """``port``: of Ray itself. ``directory``: its files."""

    def __init__(self, port: int, directory: Path, environment: dict[str, str]) -> None:
        self._address = f"127.0.0.1:{port}"
        self._directory = directory
        self._environment = environment

    def call(self, command: str, *words: object) -> None:
        """Run a command of `serve` to its end."""
        self.start(command, *words, until="").wait(PATIENCE)

    def start(self, command: str, *words: object, until: str) -> "subprocess.Popen[bytes]":
        """Run one until it says this."""
        asked = [BIN / "serve", command, "--address", self._address, *words]
        return _start(asked, self._environment, self._directory / f"serve-{command}.log", until)


@contextlib.contextmanager
def cluster(**environment: str) -> Iterator[Cluster]:
    """Ray's processes and files, until the block ends. ``environment``: of all that runs in it."""
    everything = {**os.environ, **SETTINGS, **environment}
    directory = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # the names of sockets must be short
    options = {
        "port": free_port(),
        "node-ip-address": "127.0.0.1",
        "include-dashboard": "false",
        "dashboard-agent-listen-port": free_port(),
        "ray-client-server-port": free_port(),
        "num-cpus": 2,
        "temp-dir": directory,
    }
    words = [BIN / "ray", "start", "--head", "--block", *(f"--{name}={value}" for name, value in options.items())]
    try:
        ray = _start(words, everything, directory / "ray.log", "Ray runtime started")
        try:
            yield Cluster(int(str(options["port"])), directory, everything)
        finally:
            _end(ray)
    finally:
        shutil.rmtree(directory)


def _start(words: list[object], environment: dict[str, str], log: Path, until: str) -> "subprocess.Popen[bytes]":
    with log.open("wb") as written:
        process = subprocess.Popen([*map(str, words)], env=environment, stdout=written, stderr=subprocess.STDOUT)
    end = time.monotonic() + PATIENCE
    while until not in log.read_text():
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            raise AssertionError(log.read_text())
        time.sleep(0.1)
    return process


def _end(ray: "subprocess.Popen[bytes]") -> None:
    """End it as its user does. Whatever does not end with it is killed, and the test fails."""
    processes = psutil.Process(ray.pid).children(recursive=True)
    ray.send_signal(signal.SIGTERM)
    _, left = psutil.wait_procs([psutil.Process(ray.pid), *processes], timeout=PATIENCE)
    for process in left:
        process.kill()
    assert not left


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
