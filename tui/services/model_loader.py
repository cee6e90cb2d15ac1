"""Loads a model on its own thread."""

import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.message import Message
from textual.message_pump import MessagePump

from tui.config.paths import model_places
from tui.messages import ModelFailed, ModelLoaded, ModelLoading, ModelPrepared, ModelPreparing
from tui.services.detached_cache import DetachedCache
from tui.services.model_choice import ModelChoice

if TYPE_CHECKING:
    from inference import Model

INTERVAL = 1 / 20
SLOW = "Replies stay slow: the kernels for this CPU cannot be compiled ({reason})."


class _Abandoned(Exception):
    """Raised from the progress callback to end an abandoned load."""


class ModelLoader:
    """One attempt to load a model; posts ModelLoading repeatedly, then ModelLoaded or ModelFailed.

    If kernels have to be compiled, it goes on with ModelPreparing and a ModelPrepared.

    ``directories`` are searched too. ``computing``: as in Settings. Caches that are ``leaving`` are put away first.
    """

    def __init__(
        self,
        pump: MessagePump,
        choice: ModelChoice,
        computing: Mapping[str, Any],
        directories: tuple[Path, ...],
        leaving: Sequence[DetachedCache] = (),
    ) -> None:
        self._pump = pump
        self._choice = choice
        self._directories = directories
        self._computing = computing
        self._leaving = list(leaving)
        self._abandoned = threading.Event()
        self._reported = 0.0

    def start(self) -> None:
        """Start the thread."""
        threading.Thread(target=self._run, name="llm-tui-loader", daemon=True).start()

    def abandon(self) -> None:
        """Stop soon; nothing more is posted."""
        self._abandoned.set()

    def _run(self) -> None:
        # Imported here: numpy and the tokenizers must not delay the first paint.
        from inference import InferenceError, Model
        from inference.sources.registry import find_model

        choice = self._choice
        try:
            while self._leaving:
                self._leaving.pop().put_away()  # keeps no reference, so the memory is freed
            path = find_model(choice.name, model_places(self._directories))
            model = Model.load(path, choice.precision, progress=self._loading, at_once=True, **self._computing)
            if model.ready:
                model.prepare(self._loading)
        except _Abandoned:
            return
        except InferenceError as error:
            self._post(ModelFailed(choice, str(error)))
        except MemoryError:
            self._post(
                ModelFailed(choice, f"Not enough memory for {choice.name}. Choose a smaller model or precision.")
            )
        except BaseException as error:  # a bug, or a panic in a library: report it and keep the interface running
            sentence = f"Loading failed ({type(error).__name__}: {error}). Please report this."
            self._post(ModelFailed(choice, sentence))
        else:
            self._post(ModelLoaded(choice, model))
            if not model.ready:
                self._prepare(model)

    def _prepare(self, model: "Model") -> None:
        try:
            model.prepare(self._preparing)
        except _Abandoned:
            return
        except Exception as error:
            self._post(ModelPrepared(self._choice, SLOW.format(reason=f"{type(error).__name__}: {error}")))
        else:
            self._post(ModelPrepared(self._choice))

    def _loading(self, done: int, total: int, what: str) -> None:
        if self._due():
            self._post(ModelLoading(self._choice, done, total, what))

    def _preparing(self, done: int, total: int, what: str) -> None:
        if self._due():
            self._post(ModelPreparing(self._choice, done, total))

    def _due(self) -> bool:
        """True if progress should be posted now. Raises _Abandoned."""
        if self._abandoned.is_set():
            raise _Abandoned
        due = time.monotonic() - self._reported >= INTERVAL
        if due:
            self._reported = time.monotonic()
        return due

    def _post(self, message: Message) -> None:
        if not self._abandoned.is_set():
            self._pump.post_message(message)
