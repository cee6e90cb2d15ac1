"""Has what strangers wrote carried out in a process of its own, and ends that when it takes too much."""

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from typing import Any, Literal

from inference.errors import InferenceError

MAX_REQUEST = 16 * 2**20
MAX_REPLY = 64 * 2**20
# The limit of time is on what the process computes, because on a busy machine it may have to wait for its turn. This
# many times as long is waited for one that does not get any.
PATIENCE = 5
START_SECONDS = 30
NOT_STARTED = "A process for what comes with a model cannot be started ({}); close other programs and try again."

Limit = Literal["time", "memory", "size"]


class SandboxError(Exception):
    """A request did not come to its end: it took too much ``time`` or ``memory``, or was of too large a ``size``."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        super().__init__(limit)


class SandboxRefusal(Exception):
    """What the worker says, in a sentence, of a request that it cannot carry out."""


class SandboxProcess:
    """A ``sandbox_worker`` with its limits: started when it is first needed, and again after it was ended.

    Any thread may ask; they take turns.
    """

    def __init__(self, memory: int, seconds: float) -> None:
        """``memory``: bytes that it may take. ``seconds``: how long it may compute for one request."""
        self._memory, self._seconds = memory, seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, **request: Any) -> Any:
        """The answer to a request of ``sandbox_worker.carry_out``.

        Raises SandboxError if a limit was met, SandboxRefusal if the worker cannot carry it out, InferenceError if no
        process can be started, and TypeError or ValueError for what cannot be sent.
        """
        line = json.dumps(request, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
        if len(line) > MAX_REQUEST:
            raise SandboxError("size")
        with self._lock:
            process = self._start()
            reply = self._exchange(process, line, PATIENCE * self._seconds)
            if not reply.endswith(b"\n"):
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(1)  # it may have closed its end before it ends: to kill it would hide why
                ended_by = self._end()
                raise SandboxError("memory" if reply else ended_by)
        answer = json.loads(reply.decode("utf-8", "surrogatepass"))
        if "refused" in answer:
            raise SandboxRefusal(answer["refused"])
        return answer["result"]

    def close(self) -> None:
        """End the process, if there is one; the next request starts another."""
        with self._lock:
            self._end()

    def _start(self) -> "subprocess.Popen[bytes]":
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._end()
        try:
            self._process = process = subprocess.Popen(
                [sys.executable, "-P", "-m", "inference.text.sandbox_worker", str(self._memory), str(self._seconds)],
                env=os.environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,  # no key of the terminal and no hang-up is meant for it
            )
        except OSError as error:
            raise InferenceError(NOT_STARTED.format(error.strerror)) from None
        atexit.register(self._end)
        if not self._exchange(process, b"", START_SECONDS).endswith(b"\n"):
            self._end()
            raise InferenceError(NOT_STARTED.format("it ends at once"))
        return process

    def _exchange(self, process: "subprocess.Popen[bytes]", line: bytes, seconds: float) -> bytes:
        """The line that the process answers; not a whole one if it ended."""
        assert process.stdin is not None and process.stdout is not None
        alarm = threading.Timer(seconds, process.kill)
        alarm.daemon = True
        try:
            alarm.start()
        except RuntimeError:  # no thread to be had
            self._end()
            raise InferenceError(NOT_STARTED.format("no thread can be started")) from None
        try:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(line)
                process.stdin.flush()
            return process.stdout.readline(MAX_REPLY)
        except BaseException:  # interrupted: the answer to come would be taken for that to the next request
            process.kill()
            raise
        finally:
            alarm.cancel()
            alarm.join()

    def _end(self) -> Limit:
        """Leaves no process behind, and tells which limit the last one met if it is gone because of one."""
        process, self._process = self._process, None
        if process is None:
            return "memory"
        atexit.unregister(self._end)
        process.kill()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        # One that does nothing is killed by the alarm; memory runs out in many ways.
        return "time" if process.wait() in (-signal.SIGPROF, -signal.SIGKILL) else "memory"
