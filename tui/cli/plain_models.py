"""What plain mode asks for replies: one model at a time, loaded here or found on a server."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from tui.cli.streaming import load, remote
from tui.config.remotes import host_of
from tui.config.settings import Settings
from tui.conversation.speakers import model_name
from tui.formatting.sampling import own, own_context
from tui.services.reasoning import variables
from tui.services.session import Session

if TYPE_CHECKING:
    from inference import Engine, Model, SamplingParams
    from tui.remote.model import RemoteModel
    from tui.services.text_source import TextSource


class PlainModels:
    """``engine`` runs the models of this machine; ``tell`` reports what takes a while."""

    def __init__(self, settings: Settings, engine: "Engine", tell: Callable[[str], None]) -> None:
        self._settings = settings
        self._engine = engine
        self._tell = tell
        self._models: dict[str, Model] = {}  # by name: the one that was used last
        self._remotes: dict[str, RemoteModel] = {}

    def use(self, name: str) -> None:
        """Load the model of that name, or find it on its server. Raises InferenceError or SettingsError."""
        if name in self._models or name in self._remotes:
            return
        if host := host_of(name):
            self._tell(f"Contacting {host}…")
            self._remotes[name] = remote(name, self._settings)
        else:
            self._tell(f"Loading {model_name(name)}…")
            self._models = {name: load(replace(self._settings, chat_model=name), "chat_model")}

    def source(self, session: Session) -> "tuple[TextSource, SamplingParams, dict[str, bool]]":
        """What the session's replies are asked from, sampling and variables of the chat template."""
        from inference import SamplingParams

        self.use(session.model)
        chosen = {**self._settings.sampling, **own(session.settings)}
        if session.model in self._remotes:
            return self._remotes[session.model].session(chosen), SamplingParams(**chosen), {}
        model = self._models[session.model]
        if session.engine is None or session.engine.model is not model:
            session.engine = self._engine.new_session(model, on_disk=False)
        session.engine.limit(own_context(session.settings))
        params = SamplingParams.from_generation_config(model.generation_config, chosen)
        return session.engine, params, variables(model.chat_template, self._settings, session.settings)
