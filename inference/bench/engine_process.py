"""Interface of benchmarked engines, each running in its own process."""

import multiprocessing
import resource
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from inference.errors import InferenceError


@dataclass(frozen=True)
class Loaded:
    """A loaded model. ``seconds``: load time. ``weight_bytes``: bytes read per token.

    ``vocabulary``: ids below it may be used in prompts. ``packed``: loading included packing the weights, which is
    cached. ``build``: the engine's description of its build.
    """

    precision: str
    seconds: float
    weight_bytes: int
    vocabulary: int
    packed: bool = False
    build: str = ""


class Contestant(Protocol):
    """An engine with a model. Measurements return seconds and leave the caches unchanged."""

    loaded: Loaded

    def prepare(self, context: list[int], batch: int, room: int) -> None:
        """Create caches of ``batch`` sequences that contain ``context`` and have room for ``room`` more tokens."""

    def prefill(self, ids: list[int]) -> float:
        """Prefill ``ids`` in the first sequence."""

    def decode(self, ids: list[int]) -> float:
        """Decode ``ids`` in all sequences together, one token at a time."""

    def first_token(self, ids: list[int]) -> float:
        """From the prompt ``ids`` to the next token, with an empty cache."""

    def cache_bytes(self) -> int:
        """Total size of the caches."""


class ContestantProcess:
    """Runs a contestant in its own process, isolated from the others.

    ``ready_seconds``: from process start to the first token through the model.
    """

    def __init__(self, name: str, make: Callable[..., Contestant], *arguments: Any) -> None:
        """``make(*arguments)`` runs in the process. Raises InferenceError if it fails."""
        self.name = name
        start = time.perf_counter()
        self._pipe, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=_serve, args=(theirs, make, arguments), daemon=True)
        self._process.start()
        theirs.close()
        self.loaded: Loaded = self._answer()
        self.ready_seconds = time.perf_counter() - start

    def ask(self, method: str, *arguments: Any) -> Any:
        """Call a method of the contestant, or ``peak_memory`` of its process."""
        try:
            self._pipe.send((method, arguments))
        except OSError:
            raise self._ended() from None
        return self._answer()

    def close(self) -> None:
        self._process.terminate()
        self._process.join()
        self._pipe.close()

    def _answer(self) -> Any:
        try:
            failed, answer = self._pipe.recv()
        except EOFError:
            raise self._ended() from None
        if failed:
            self.close()
            raise InferenceError(answer)
        return answer

    def _ended(self) -> InferenceError:
        self._process.join()
        return InferenceError(
            f"The process of {self.name} ended unexpectedly (exit code {self._process.exitcode}); "
            "there may be too little memory: measure fewer precisions at once, or less depth."
        )


def _serve(pipe: Connection, make: Callable[..., Contestant], arguments: tuple[Any, ...]) -> None:
    # An interrupt ends this process through its parent.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        contestant = make(*arguments)
        pipe.send((False, contestant.loaded))
        while True:
            method, given = pipe.recv()
            pipe.send((False, peak_memory() if method == "peak_memory" else getattr(contestant, method)(*given)))
    except EOFError:
        return
    except InferenceError as error:
        pipe.send((True, str(error)))
    except MemoryError:
        pipe.send((True, "Not enough memory. Measure fewer precisions at once, less depth or a smaller batch."))


def peak_memory() -> int:
    """Peak resident memory of this process in bytes."""
    try:
        # getrusage would include the parent's peak on Linux.
        fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        return int(fields["VmHWM"].split()[0]) * 1024
    except (OSError, KeyError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
