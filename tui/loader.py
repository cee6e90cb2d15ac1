"""Loads a model and starts its engine, away from the interface's thread."""

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message
from textual.message_pump import MessagePump

if TYPE_CHECKING:
    from inference import Engine, Model

INTERVAL = 1 / 20


class Loading(Message):
    """``done`` of ``total`` bytes."""

    def __init__(self, done: int, total: int) -> None:
        super().__init__()
        self.done = done
        self.total = total


class Loaded(Message):
    """The model is ready, and an engine runs it."""

    def __init__(self, model: "Model", engine: "Engine") -> None:
        super().__init__()
        self.model = model
        self.engine = engine


class LoadFailed(Message):
    """``sentence`` says what is wrong and what to do."""

    def __init__(self, sentence: str) -> None:
        super().__init__()
        self.sentence = sentence


class _Abandoned(Exception):
    """Raised out of loading when nobody waits for it any more."""


class Loader:
    """One attempt to load; posts Loading…, then Loaded or LoadFailed."""

    def __init__(self, pump: MessagePump, path: Path, precision: str, threads: int | None) -> None:
        self._pump = pump
        self._path = path
        self._precision = precision
        self._threads = threads
        self._abandoned = threading.Event()
        self._reported = 0.0

    def start(self) -> None:
        threading.Thread(target=self._run, name="llm-tui-loader", daemon=True).start()

    def abandon(self) -> None:
        """Stop soon; nothing is posted any more."""
        self._abandoned.set()

    def _run(self) -> None:
        # Imported here: numpy and the tokenizers must not delay the first paint.
        from inference import Engine, InferenceError, Model

        try:
            model = Model.load(self._path, self._precision, self._threads, self._progress)
        except _Abandoned:
            return
        except InferenceError as error:
            self._post(LoadFailed(str(error)))
        except MemoryError:
            self._post(LoadFailed(f"There is not enough memory to load {self._path.name}; choose a smaller model."))
        except Exception as error:  # a bug: the interface stays, and says so
            self._post(
                LoadFailed(f"The model could not be loaded ({type(error).__name__}: {error}); please report it.")
            )
        else:
            self._post(Loaded(model, Engine(model)))

    def _progress(self, done: int, total: int, what: str) -> None:
        if self._abandoned.is_set():
            raise _Abandoned
        now = time.monotonic()
        if now - self._reported >= INTERVAL:
            self._reported = now
            self._post(Loading(done, total))

    def _post(self, message: Message) -> None:
        if not self._abandoned.is_set():
            self._pump.post_message(message)
