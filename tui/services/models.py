"""Loaded models, shared by all sessions, and the engine that runs them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message_pump import MessagePump

from tui.config.paths import model_places, shipped
from tui.config.remotes import Address, host_of, is_remote
from tui.config.settings import KINDS, Settings
from tui.conversation.speakers import model_name
from tui.formatting.sampling import own_context
from tui.messages import ModelFailed, ModelLoaded, ModelNews, ModelPrepared, ModelPreparing, RemoteFound
from tui.services.detached_cache import DetachedCache
from tui.services.model_choice import ModelChoice
from tui.services.model_loader import ModelLoader
from tui.services.remote_loader import RemoteLoader
from tui.services.session import Session

if TYPE_CHECKING:
    from inference import Engine, Model
    from tui.remote.model import RemoteModel

# Maximum models listed as targets.
LISTED = 200
CANCELLED = "Loading cancelled. Sending a message loads it."
NOT_LOADED = "The model is not loaded yet."
NOT_HERE = "{what} needs a model that runs on this machine; {name} runs on {host}."


@dataclass(frozen=True)
class ModelState:
    """Loading (``done`` of ``total`` parts of ``what``), loaded (``model``) or ``failed`` (the error message).

    Of a loaded model, kernels are being compiled while ``total`` is not 0. ``remote``: one on a server, that was found.
    """

    done: int = 0
    total: int = 0
    what: str = "loading the model"
    model: "Model | None" = None
    remote: "RemoteModel | None" = None
    failed: str = ""

    @property
    def ready(self) -> bool:
        """True if replies can be asked for."""
        return self.model is not None or self.remote is not None

    @property
    def broken(self) -> bool:
        """True if loading failed, and was not just cancelled."""
        return self.failed not in ("", CANCELLED)


class ModelManager:
    """Loads models on demand. ``evicted``: directory for KV caches beyond the memory budget of ``settings``."""

    def __init__(self, pump: MessagePump, settings: Settings, evicted: Path | None) -> None:
        self.directories = settings.model_directories
        self.servers = settings.remotes
        self._pump = pump
        self.computing = settings.computing
        self._precision = settings.precision
        self._cache_budget = settings.cache_budget_mb and settings.cache_budget_mb * 2**20
        self._evicted = evicted
        self._states: dict[ModelChoice, ModelState] = {}
        self._loaders: dict[ModelChoice, ModelLoader | RemoteLoader] = {}
        self._preparing: dict[ModelChoice, ModelLoader | RemoteLoader] = {}
        self._engine: Engine | None = None

    @property
    def engine(self) -> "Engine":
        """The engine, started on first use."""
        from inference import Engine

        if self._engine is None:
            self._engine = Engine(None, self._cache_budget, self._evicted)
        return self._engine

    def installed(self) -> list[str]:
        """Names of complete models on this machine, and of configured ones on servers.

        Reads directories: not for the interface's thread.
        """
        from inference.sources.registry import find_models

        found = (found for found in find_models(model_places(self.directories)) if found.source != "unfinished")
        served = [str(Address(server.url, name)) for server in self.servers for name in server.models]
        return list(dict.fromkeys([*(each.name for each in islice(found, LISTED)), *served]))

    # ---- models of sessions

    def choice(self, session: Session) -> ModelChoice:
        """The session's model and precision (default: the configured one)."""
        precision = session.settings.get("precision", self._precision)
        return ModelChoice(session.model, precision if KINDS["precision"].accepts(precision) else self._precision)

    def state(self, session: Session) -> ModelState:
        """The state of the session's model."""
        return self._states.get(self.choice(session), ModelState())

    def model(self, session: Session) -> "Model | None":
        """The model that the session has on this machine, once it is loaded."""
        return self.state(session).model

    def remote(self, session: Session) -> "RemoteModel | None":
        """The model that the session has on a server, once it is found there."""
        return self.state(session).remote

    def ready(self, session: Session) -> bool:
        """True if replies can be asked for."""
        return self.state(session).ready

    def lacking(self, session: Session, what: str) -> str:
        """Why there is no model on this machine for ``what``, which begins a sentence; empty if there is one."""
        if self.model(session) is not None:
            return ""
        host = host_of(session.model)
        return NOT_HERE.format(what=what, name=model_name(session.model), host=host) if host else NOT_LOADED

    def context(self, session: Session) -> int:
        """Most tokens that the session may take: its own limit, if memory allows, or the default; 0 until loaded.

        Of a model on a server: as the server tells, else the session's own limit, else 0.
        """
        model = self.model(session)
        if remote := self.remote(session):
            limits = [limit for limit in (own_context(session.settings), remote.context) if limit]
            return min(limits, default=0)
        return min(own_context(session.settings) or model.context, model.longest_context) if model else 0

    def longest_context(self, session: Session) -> int:
        """Most tokens that the session could take, whatever limits were set; 0 until loaded."""
        model = self.model(session)
        return model.longest_context if model else 0

    # ---- loading

    def lacks(self, choice: ModelChoice, again: bool = False) -> bool:
        """True if loading has not started (``again``: or has failed)."""
        return choice not in self._states or (again and bool(self._states[choice].failed))

    def load(self, choice: ModelChoice, again: bool = False, leaving: Sequence[DetachedCache] = ()) -> None:
        """Start loading unless started; ``again`` retries after a failure.

        The caches in ``leaving`` are put away first, on the loader's thread, to free memory.
        """
        if not self.lacks(choice, again):
            return
        if same := self._same(choice):
            self._states[choice] = ModelState(model=same)
            return
        if is_remote(choice.name):
            self._states[choice] = ModelState(what=f"contacting {host_of(choice.name)}")
            self._loaders[choice] = RemoteLoader(self._pump, choice, self.servers)
        else:
            self._states[choice] = ModelState()
            self._loaders[choice] = ModelLoader(self._pump, choice, self.computing, self.directories, leaving)
        self._loaders[choice].start()

    def take(self, event: ModelNews) -> bool:
        """Update the state from a loader's message; False if nobody waits for it any more."""
        choice = event.choice
        if isinstance(event, ModelPreparing | ModelPrepared):
            if choice not in self._preparing:
                return False
            done, total = (event.done, event.total) if isinstance(event, ModelPreparing) else (0, 0)
            self._states[choice] = replace(self._states[choice], done=done, total=total)
            if isinstance(event, ModelPrepared):
                del self._preparing[choice]
            return True
        if choice not in self._loaders:
            return False
        if isinstance(event, ModelLoaded):
            loader = self._loaders.pop(choice)
            self._states[choice] = ModelState(model=event.model, total=0 if event.model.ready else 1)
            if not event.model.ready:
                self._preparing[choice] = loader
        elif isinstance(event, RemoteFound):
            del self._loaders[choice]
            self._states[choice] = ModelState(remote=event.remote)
        elif isinstance(event, ModelFailed):
            del self._loaders[choice]
            self._states[choice] = ModelState(failed=event.sentence)
        else:
            self._states[choice] = ModelState(event.done, event.total, event.what)
        return True

    def cancel(self, choice: ModelChoice) -> bool:
        """Cancel loading; False if it is not being loaded."""
        if choice not in self._loaders:
            return False
        self._loaders.pop(choice).abandon()
        self._states[choice] = ModelState(failed=CANCELLED)
        return True

    def drop(self, kept: Collection[ModelChoice]) -> "list[Model]":
        """Drop all models and loaders except ``kept`` and built-in models (which are small); returns dropped models."""
        for choice in [choice for choice in self._loaders if choice not in kept]:
            self._loaders.pop(choice).abandon()
            del self._states[choice]
        needed = [self._states.get(choice, ModelState()).model or self._same(choice) for choice in kept]
        dropped = []
        for choice, state in list(self._states.items()):
            model = state.model
            if model is not None and model not in needed and model.path.parent != shipped("models"):
                if loader := self._preparing.pop(choice, None):
                    loader.abandon()
                del self._states[choice]
                dropped.append(model)
        return dropped

    def _same(self, choice: ModelChoice) -> "Model | None":
        """A loaded model of the same name and precision, chosen differently (such as by "auto")."""
        for other, state in self._states.items():
            if other.name == choice.name and state.model and state.model.precision == choice.precision:
                return state.model
        return None

    def close(self) -> None:
        """Stop loading and close the engine."""
        for loader in (*self._loaders.values(), *self._preparing.values()):
            loader.abandon()
        if self._engine is not None:
            self._engine.close()
