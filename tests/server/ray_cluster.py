"""Starts a Ray of one node that nobody else can use, and ends all of it.

It listens on the loopback, but for a port of each replica that Ray Serve always opens to all machines: who has no
certificate is refused there.
"""

import contextlib
import os
import shutil
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
STARTED = "Ray runtime started"
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # What a replica has told of its requests holds for 10 seconds otherwise, and people are slower than that.
    "RAY_SERVE_QUEUE_LENGTH_CACHE_TIMEOUT_S": "0",
    "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
    # Has Ray listen on 127.0.0.1 only, as where it cannot have more than one machine.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
}


class Cluster:
    """``port``: of Ray itself. ``directory``: its files."""

    def __init__(self, ray: "subprocess.Popen[bytes]", port: int, directory: Path, environment: dict[str, str]) -> None:
        self._process = psutil.Process(ray.pid)
        self._address = f"127.0.0.1:{port}"
        self._directory = directory
        self._environment = environment

    def processes(self) -> list[psutil.Process]:
        """All of them."""
        return [self._process, *self._process.children(recursive=True)]

    def end(self) -> None:
        """End Ray as its user does. Whatever does not end with it is killed, and the test fails."""
        processes = self.processes()
        self._process.terminate()
        _, left = psutil.wait_procs(processes, timeout=PATIENCE)
        for process in left:
            process.kill()
        assert not left

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
    port = free_port()
    options = {
        "port": port,
        "node-ip-address": "127.0.0.1",
        "include-dashboard": "false",
        "dashboard-agent-listen-port": free_port(),
        "ray-client-server-port": free_port(),
        "num-cpus": 2,
        "temp-dir": directory,
    }
    words = [BIN / "ray", "start", "--head", "--block", *(f"--{name}={value}" for name, value in options.items())]
    try:
        everything |= _certificate(directory)
        ray = Cluster(_start(words, everything, directory / "ray.log", STARTED), port, directory, everything)
        try:
            yield ray
        finally:
            ray.end()
    finally:
        shutil.rmtree(directory)


def _certificate(directory: Path) -> dict[str, str]:
    """Settings with which Ray's processes know each other by a certificate."""
    key, certificate = directory / "key.pem", directory / "certificate.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    words += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(words, check=True, capture_output=True)
    files = {"SERVER_KEY": key, "SERVER_CERT": certificate, "CA_CERT": certificate}
    return {"RAY_USE_TLS": "1", **{f"RAY_TLS_{name}": str(file) for name, file in files.items()}}


def _start(words: list[object], environment: dict[str, str], log: Path, until: str) -> "subprocess.Popen[bytes]":
    with log.open("wb") as written:
        process = subprocess.Popen([*map(str, words)], env=environment, stdout=written, stderr=subprocess.STDOUT)
    end = time.monotonic() + 2 * PATIENCE
    while until not in log.read_text():
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            raise AssertionError(log.read_text())
        time.sleep(0.1)
    return process


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
