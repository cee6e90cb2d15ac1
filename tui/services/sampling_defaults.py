"""Resolves sampling parameters: the session's, else the user's, else the model's."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tui.config.settings import Settings
from tui.formatting.sampling import differing, own, own_context
from tui.services.models import ModelManager
from tui.services.modes import STRATEGIES
from tui.services.reasoning import configured, own_switches, variables
from tui.services.session import Session
from tui.terminal.sanitize import one_line

if TYPE_CHECKING:
    from inference import ChatTemplate, SamplingParams


class SamplingDefaults:
    """Sampling parameters per session. ``params`` replace the configured ones and override the model's."""

    def __init__(self, models: ModelManager, settings: Settings, params: "SamplingParams | None") -> None:
        self._models = models
        self._settings = settings
        self._params = params

    def params(self, session: Session) -> "SamplingParams":
        """Parameters of the session's next reply. Its model must be loaded."""
        from inference import SamplingParams

        return SamplingParams(**self.values(session))

    def defaults(self, session: Session) -> dict[str, Any]:
        """Values that apply where the session sets none; the model's are missing until it is loaded."""
        given = asdict(self._params) if self._params else self._settings.sampling
        values: dict[str, Any] = {"seed": None, "max_tokens": None, "stop": (), "ban": (), "logit_bias": ()}
        if model := self._models.model(session):
            from inference import SamplingParams

            values = asdict(SamplingParams.from_generation_config(model.generation_config))
        values |= given
        return values | {"max_tokens": STRATEGIES[session.mode].token_limit(values["max_tokens"])}

    def values(self, session: Session) -> dict[str, Any]:
        """Parameters of the session's next reply, as far as known."""
        return self.defaults(session) | own(session.settings)

    def chosen(self, session: Session) -> dict[str, Any]:
        """The session's own parameters, context limit and switches of the chat template."""
        limit = own_context(session.settings)
        return own(session.settings) | ({"context": limit} if limit else {}) | self.switched(session)

    def differing(self, session: Session) -> list[str]:
        """The session's settings that differ from their defaults, abbreviated."""
        default = STRATEGIES[session.mode].new_settings(self._settings).get("system")
        system = [f"docs: {', '.join(map(one_line, session.collections))}"] if session.collections else []
        system += [] if session.page.blank else ["writer's page"]
        system += [] if (session.settings.get("system") or "") == (default or "") else ["system prompt"]
        values = self.chosen(session)
        return system + (differing(values, self.defaults(session) | self.switches(session)) if values else [])

    def switches(self, session: Session) -> dict[str, Any]:
        """Variables of the chat template that switch reasoning, with their values where the session sets none.

        None: neither on nor off. Empty until the model is loaded.
        """
        template = self._template(session)
        return {**template.switches, **configured(template, self._settings)} if template else {}

    def switched(self, session: Session) -> dict[str, bool]:
        """The session's own values of these variables."""
        return own_switches(self._template(session), session.settings)

    def variables(self, session: Session) -> dict[str, bool]:
        """Variables of the chat template for the session's next reply."""
        return variables(self._template(session), self._settings, session.settings)

    def _template(self, session: Session) -> "ChatTemplate | None":
        model = self._models.model(session)
        return model.chat_template if model and session.mode == "chat" else None
