"""Resolves the variables of a chat template that switch reasoning: the session's, else the user's."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tui.config.settings import Settings

if TYPE_CHECKING:
    from inference import ChatTemplate
    from tui.services.text_source import TextSource


def variables(template: "ChatTemplate | None", settings: Settings, chosen: Mapping[str, Any]) -> dict[str, bool]:
    """The variables to give to the template. ``chosen``: the settings of a session."""
    return configured(template, settings) | own_switches(template, chosen)


def configured(template: "ChatTemplate | None", settings: Settings) -> dict[str, bool]:
    """The variable that the user's setting is for, if the template has one."""
    name = template.reasoning_switch if template else None
    return {} if name is None or settings.thinking is None else {name: settings.thinking}


def own_switches(template: "ChatTemplate | None", chosen: Mapping[str, Any]) -> dict[str, bool]:
    """The session's own values of variables that the template reads. Invalid ones (from imports) are ignored."""
    given = chosen.get("switches")
    if template is None or not isinstance(given, dict):
        return {}
    return {name: given[name] for name in template.switches if isinstance(given.get(name), bool)}


def template_of(source: "TextSource") -> "ChatTemplate | None":
    """The chat template, which for a model on a server is there."""
    return source.model.chat_template if source.model else None
