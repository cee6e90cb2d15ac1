"""The models of this process: loaded when a session first wants one, and kept; one engine runs them all."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message_pump import MessagePump

from tui.loader import Choice, Loaded, Loader, LoadFailed, Loading

if TYPE_CHECKING:
    from inference import Engine, Model


@dataclass(frozen=True)
class Place:
    """What has become of a model: on its way (``done`` of ``total`` bytes), here, or ``failed`` with a sentence."""

    done: int = 0
    total: int = 0
    model: "Model | None" = None
    failed: str = ""


class Shelf:
    """``directories``: where models are besides the usual places.

    ``cache_budget``: bytes for idle sessions' caches, or the engine's choice; beyond it they go to ``evicted``.
    """

    def __init__(
        self,
        pump: MessagePump,
        threads: int | None,
        directories: tuple[Path, ...],
        cache_budget: int | None,
        evicted: Path | None,
    ) -> None:
        self._pump = pump
        self._directories = directories
        self._threads = threads
        self._cache_budget = cache_budget
        self._evicted = evicted
        self._places: dict[Choice, Place] = {}
        self._loaders: dict[Choice, Loader] = {}
        self._engine: Engine | None = None

    @property
    def engine(self) -> "Engine":
        """Started when it is first needed."""
        from inference import Engine

        if self._engine is None:
            self._engine = Engine(None, self._cache_budget, self._evicted)
        return self._engine

    def place(self, choice: Choice) -> Place:
        return self._places.get(choice, Place())

    def model(self, choice: Choice) -> "Model | None":
        return self.place(choice).model

    def want(self, choice: Choice, again: bool = False) -> None:
        """Begin to load it, unless that was begun; ``again`` tries once more what has failed."""
        if choice not in self._places or (again and self._places[choice].failed):
            self._places[choice] = Place()
            self._loaders[choice] = Loader(self._pump, choice, self._threads, self._directories)
            self._loaders[choice].start()

    def take(self, event: Loading | Loaded | LoadFailed) -> None:
        """Note what a loader has to tell."""
        if isinstance(event, Loading):
            self._places[event.choice] = Place(event.done, event.total)
            return
        self._loaders.pop(event.choice, None)
        self._places[event.choice] = (
            Place(model=event.model) if isinstance(event, Loaded) else Place(failed=event.sentence)
        )

    def close(self) -> None:
        """Leave nothing running."""
        for loader in self._loaders.values():
            loader.abandon()
        if self._engine is not None:
            self._engine.close()
