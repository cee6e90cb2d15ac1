"""Runs untrusted templates and tokenizers in a subprocess with limits of time and memory."""

import atexit
import contextlib
import json
import signal
import subprocess
import threading
from typing import Any, Literal

from inference.errors import InferenceError
from inference.system.python_process import start_module

MAX_REQUEST = 16 * 2**20
MAX_REPLY = 64 * 2**20
# The limit is on CPU time, because on a busy machine the process may have to wait; this is the wall-clock limit as a
# multiple of it.
PATIENCE = 5
START_SECONDS = 30
NOT_STARTED = "Cannot start the sandbox process ({}). Close other programs and try again."

Limit = Literal["time", "memory", "size"]


class SandboxError(Exception):
    """A request exceeded its limit of ``time``, ``memory`` or ``size``."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        super().__init__(limit)


class SandboxRefusal(Exception):
    """The worker's error message for a failed request."""


class SandboxProcess:
    """A ``sandbox_worker`` process with limits, (re)started on demand.

    Thread-safe; requests are serialized.
    """

    def __init__(self, memory: int, seconds: float) -> None:
        """``memory``: limit in bytes. ``seconds``: CPU time limit per request."""
        self._memory, self._seconds = memory, seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, content: bytes = b"", **request: Any) -> Any:
        """Send a request, with the content of a file, to ``sandbox_worker.carry_out`` and return its result.

        Raises SandboxError if a limit was exceeded, SandboxRefusal if the request failed, InferenceError if the process
        cannot be started, TypeError or ValueError for arguments that are not JSON.
        """
        request["size"] = len(content)
        line = json.dumps(request, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
        if len(line) > MAX_REQUEST:
            raise SandboxError("size")
        with self._lock:
            process = self._start()
            reply = self._exchange(process, line + content, PATIENCE * self._seconds)
            if not reply.endswith(b"\n"):
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(1)  # it may be exiting: killing it now would hide the cause
                ended_by = self._end()
                raise SandboxError("memory" if reply else ended_by)
        answer = json.loads(reply.decode("utf-8", "surrogatepass"))
        if "refused" in answer:
            raise SandboxRefusal(answer["refused"])
        return answer["result"]

    def close(self) -> None:
        """End the process; the next request starts another."""
        with self._lock:
            self._end()

    def _start(self) -> "subprocess.Popen[bytes]":
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._end()
        try:
            self._process = process = start_module(
                "inference.text.sandbox_worker", str(self._memory), str(self._seconds)
            )
        except OSError as error:
            raise InferenceError(NOT_STARTED.format(error.strerror)) from None
        atexit.register(self._end)
        if not self._exchange(process, b"", START_SECONDS).endswith(b"\n"):
            self._end()
            raise InferenceError(NOT_STARTED.format("it exits at once"))
        return process

    def _exchange(self, process: "subprocess.Popen[bytes]", line: bytes, seconds: float) -> bytes:
        """Send a line and return the reply, which is incomplete if the process ended."""
        assert process.stdin is not None and process.stdout is not None
        alarm = threading.Timer(seconds, process.kill)
        alarm.daemon = True
        try:
            alarm.start()
        except RuntimeError:  # no more threads
            self._end()
            raise InferenceError(NOT_STARTED.format("no more threads")) from None
        try:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(line)
                process.stdin.flush()
            return process.stdout.readline(MAX_REPLY)
        except BaseException:  # interrupted: a late reply would be taken for that of the next request
            process.kill()
            raise
        finally:
            alarm.cancel()
            alarm.join()

    def _end(self) -> Limit:
        """Kill the process; returns the limit it exceeded, if it had ended because of one."""
        process, self._process = self._process, None
        if process is None:
            return "memory"
        atexit.unregister(self._end)
        process.kill()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        # A blocked process was killed by the timer; out of memory shows in many ways.
        return "time" if process.wait() in (-signal.SIGPROF, -signal.SIGKILL) else "memory"
