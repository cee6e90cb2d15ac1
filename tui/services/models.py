"""The models of this process: loaded when a session first wants one, and kept; one engine runs them all."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.message_pump import MessagePump

from tui.config.resources import shipped
from tui.services.model_loader import Choice, Loaded, Loader, LoadFailed, Loading

if TYPE_CHECKING:
    from inference import Engine, Model


@dataclass(frozen=True)
class Place:
    """What has become of a model: on its way (``done`` of ``total`` parts of ``what`` is being done), here, or
    ``failed`` with a sentence.
    """

    done: int = 0
    total: int = 0
    what: str = "loading the model"
    model: "Model | None" = None
    failed: str = ""


class Shelf:
    """``computing``: as Settings has it. ``directories``: where models are besides the usual places.

    ``cache_budget``: bytes for idle sessions' caches, or the engine's choice; beyond it they go to ``evicted``.
    """

    def __init__(
        self,
        pump: MessagePump,
        computing: Mapping[str, Any],
        directories: tuple[Path, ...],
        cache_budget: int | None,
        evicted: Path | None,
    ) -> None:
        self._pump = pump
        self._directories = directories
        self._computing = computing
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

    def lacks(self, choice: Choice, again: bool = False) -> bool:
        """Whether nothing was done about it yet; ``again``: what has failed does not count."""
        return choice not in self._places or (again and bool(self._places[choice].failed))

    def want(self, choice: Choice, again: bool = False, before: Callable[[], None] = lambda: None) -> None:
        """Begin to load it, unless that was begun; ``again`` tries once more what has failed.

        ``before`` is called on another thread before anything is loaded.
        """
        if not self.lacks(choice, again):
            return
        if same := self._same(choice):
            self._places[choice] = Place(model=same)
            return
        self._places[choice] = Place()
        self._loaders[choice] = Loader(self._pump, choice, self._computing, self._directories, before)
        self._loaders[choice].start()

    def take(self, event: Loading | Loaded | LoadFailed) -> bool:
        """Note what a loader has to tell; False if nobody waits for it any more."""
        if event.choice not in self._loaders:
            return False
        if isinstance(event, Loading):
            self._places[event.choice] = Place(event.done, event.total, event.what)
            return True
        del self._loaders[event.choice]
        self._places[event.choice] = (
            Place(model=event.model) if isinstance(event, Loaded) else Place(failed=event.sentence)
        )
        return True

    def abandon(self, choice: Choice) -> bool:
        """Stop loading it; False if it was not on its way. What becomes of it is for ``take`` to hear."""
        if choice in self._loaders:
            self._loaders[choice].abandon()
        return choice in self._loaders

    def drop(self, kept: Collection[Choice]) -> "list[Model]":
        """Hold and load no model but ``kept`` and the built-in ones, which are small; returns those that were held."""
        for choice in [choice for choice in self._loaders if choice not in kept]:
            self._loaders.pop(choice).abandon()
            del self._places[choice]
        needed = [self.model(choice) or self._same(choice) for choice in kept]
        dropped = []
        for choice, place in list(self._places.items()):
            model = place.model
            if model is not None and model not in needed and model.path.parent != shipped("models"):
                del self._places[choice]
                dropped.append(model)
        return dropped

    def _same(self, choice: Choice) -> "Model | None":
        """The model that another choice, such as "auto", came to, if this one means the same."""
        for other, place in self._places.items():
            if other.name == choice.name and place.model and place.model.precision == choice.precision:
                return place.model
        return None

    def close(self) -> None:
        """Leave nothing running."""
        for loader in self._loaders.values():
            loader.abandon()
        if self._engine is not None:
            self._engine.close()
