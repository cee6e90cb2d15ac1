"""An engine as the benchmark sees it, and the process that each one has for itself."""

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
    """``precision`` of the weights; ``seconds`` it took to load them; ``weight_bytes`` that are read for each token.

    ``vocabulary``: ids below it may stand in prompts. ``packed``: the weights were brought into the engine's own form,
    which is saved and will not be done again. ``build``: what the engine was compiled for, in its own words.
    """

    precision: str
    seconds: float
    weight_bytes: int
    vocabulary: int
    packed: bool = False
    build: str = ""


class Contestant(Protocol):
    """An engine with a model. Each measurement returns seconds and leaves the caches as ``prepare`` left them."""

    loaded: Loaded

    def prepare(self, context: list[int], batch: int, room: int) -> None:
        """Caches for ``batch`` sequences that have read ``context`` already, and ``room`` for so many tokens more."""

    def prefill(self, ids: list[int]) -> float:
        """The first sequence reads ``ids``."""

    def decode(self, ids: list[int]) -> float:
        """All sequences go on by ``ids``, together and one token at a time."""

    def first_token(self, ids: list[int]) -> float:
        """From nothing but the prompt ``ids`` to its next token."""

    def cache_bytes(self) -> int:
        """Of all caches that ``prepare`` made."""


class ContestantProcess:
    """A contestant in a process of its own: nothing that one engine leaves behind can slow or speed up another.

    ``ready_seconds``: from the start of the process until a token went through the model.
    """

    def __init__(self, name: str, make: Callable[..., Contestant], *arguments: Any) -> None:
        """``make`` and ``arguments`` travel to the process. Raises InferenceError with the sentence that ended it."""
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
        """Call a method of the contestant, or ``peak_memory`` of its process: the most bytes it ever had resident."""
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
    # Whoever interrupts the benchmark ends this process through its parent.
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
        pipe.send(
            (True, "There is not enough memory: measure fewer precisions at once, less depth or a smaller batch.")
        )


def peak_memory() -> int:
    """The most bytes that this process ever had resident."""
    try:
        # Not from getrusage, which on Linux begins with what the parent had.
        fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        return int(fields["VmHWM"].split()[0]) * 1024
    except (OSError, KeyError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
