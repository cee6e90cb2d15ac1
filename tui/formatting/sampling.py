"""Parsing and formatting of sampling parameters and of the context limit."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from tui.config.errors import SettingsError
from tui.config.settings import KINDS, SAMPLING
from tui.config.validators import LARGEST_BIAS, PHRASES, STOPS
from tui.terminal.sanitize import sanitize

LABELS = {
    "temperature": "temperature",
    "top_k": "top-k",
    "top_p": "top-p",
    "min_p": "min-p",
    "repetition_penalty": "repetition penalty",
    "seed": "seed",
    "max_tokens": "max tokens",
    "stop": "stop strings",
    "ban": "banned phrases",
    "logit_bias": "logit bias",
    "typical_p": "typical-p",
    "xtc_probability": "XTC probability",
    "xtc_threshold": "XTC threshold",
    "dry_multiplier": "DRY multiplier",
    "dry_base": "DRY base",
    "dry_allowed_length": "DRY allowed length",
    "dry_breakers": "DRY breakers",
    "context": "context limit",
    # What most chat templates call it.
    "enable_thinking": "reasoning",
    "thinking": "reasoning",
}
# Values that switch a parameter off.
OFF: dict[str, tuple[object, str]] = {
    "top_k": (0, "0 (off)"),
    "top_p": (1, "1 (off)"),
    "min_p": (0, "0 (off)"),
    "repetition_penalty": (1, "1 (off)"),
    "seed": (None, "random"),
    "max_tokens": (None, "unlimited"),
    "stop": ((), "none"),
    "ban": ((), "none"),
    "logit_bias": ((), "none"),
    "typical_p": (1, "1 (off)"),
    "xtc_probability": (0, "0 (off)"),
    "dry_multiplier": (0, "0 (off)"),
    "dry_breakers": ((), "none"),
}
# Variables of chat templates are switched on and off.
SWITCHED = {"on": True, "off": False}
TEXTS_WANTED = 'quoted strings separated by commas, such as "User:", "\\n\\n"'
BIASES_WANTED = (
    f"tokens with numbers from -{LARGEST_BIAS} to {LARGEST_BIAS}, separated by commas, "
    'such as very -5, " the" 2, 1234 1'
)
# A token, in quotes or not, and what follows it up to the next comma.
BIAS = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^\s",]+)\s+([^\s",]+)\s*(?:,|$)')
LONG = 24


def own(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Sampling parameters in a session's settings. Invalid ones (from imports) are ignored."""
    given = settings.get("sampling")
    return {
        name: KINDS[name].make(given[name])
        for name in SAMPLING
        if isinstance(given, dict) and name in given and KINDS[name].accepts(given[name])
    }


def own_context(settings: Mapping[str, Any]) -> int | None:
    """Context limit in a session's settings. An invalid one (from imports) is ignored."""
    limit = settings.get("context")
    return limit if limit is not None and KINDS["context"].accepts(limit) else None


def parse(name: str, text: str) -> Any:
    """Parse a typed value. Raises SettingsError if it is invalid."""
    if name not in KINDS:
        if text.lower() not in SWITCHED:
            raise SettingsError("Must be on or off.")
        return SWITCHED[text.lower()]
    read: Callable[[str], Any] = _number
    wanted = KINDS[name].wanted
    if name == "logit_bias":
        read, wanted = _biases, BIASES_WANTED
    elif KINDS[name] in (STOPS, PHRASES):
        read, wanted = _texts, TEXTS_WANTED
    if not KINDS[name].accepts(value := read(text)):
        raise SettingsError(f"Must be {wanted}.")
    return KINDS[name].make(value)


def spell(name: str, value: Any) -> str:
    """Inverse of ``parse``."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if name == "logit_bias":
        return ", ".join(f"{_spelled(token)} {_spelled(bias)}" for token, bias in value)
    return ", ".join(map(_spelled, value)) if isinstance(value, tuple | list) else _spelled(value)


def stored(value: Any) -> Any:
    """The value as it comes back from JSON."""
    return [stored(item) for item in value] if isinstance(value, tuple) else value


def spell_default(name: str, defaults: Mapping[str, Any]) -> str:
    """The default as text; unknown until the model is loaded."""
    if name not in defaults or (defaults[name] is None and name not in KINDS):
        return "model default"
    value = defaults[name]
    off, words = OFF.get(name, (object(), ""))
    return words if value == off else spell(name, value)


def differing(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[str]:
    """Parameters that differ from the defaults, abbreviated."""
    return [named(name, value) for name, value in values.items() if name not in defaults or value != defaults[name]]


def named(name: str, value: Any) -> str:
    """A parameter's label and value, abbreviated."""
    spelled = _shortened(spell(name, value))
    return f"{label(name)} {spelled}" if spelled else f"no {label(name)}"


def label(name: str) -> str:
    """The name of a parameter, or of a variable of the chat template."""
    return LABELS.get(name, name.replace("_", " "))


def _number(text: str) -> float | None:
    """An int if written as one: a float would lose digits."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:  # not a number, or too many digits
            continue
    return None


def _texts(text: str) -> Any:
    """Quoted strings separated by commas; unquoted text is one string."""
    if not text.startswith('"'):
        return [text]
    try:
        values = json.loads(f"[{text}]")
        json.dumps(values, ensure_ascii=False).encode()  # rejects lone surrogates
    except (ValueError, RecursionError):
        return None
    return values


def _biases(text: str) -> Any:
    """Tokens and numbers; a token without quotes is an id if it is an integer."""
    values, position = [], 0
    while position < len(text):
        match = BIAS.match(text, position)
        if match is None:
            return None
        token, bias = match.groups()
        is_id = token.isascii() and token.isdecimal()
        named = _texts(token) if token.startswith('"') else [_number(token) if is_id else token]
        if named is None:
            return None
        values.append([*named, _number(bias)])
        position = match.end()
    return values


def _spelled(value: Any) -> str:
    """A text in JSON's syntax, with escapes where something would not show; a number in few digits."""
    if isinstance(value, str):
        plain = json.dumps(value, ensure_ascii=False)
        return plain if sanitize(plain) == plain else json.dumps(value)
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def _shortened(text: str) -> str:
    return text if len(text) <= LONG else text[: LONG - 1] + "…"
