"""The parameters of sampling as people write and read them."""

import json
from collections.abc import Mapping
from typing import Any

from tui.config.errors import SettingsError
from tui.config.settings import KINDS, SAMPLING
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
}
# Where a value means that there is none.
OFF: dict[str, tuple[object, str]] = {
    "top_k": (0, "0 (off)"),
    "top_p": (1, "1 (off)"),
    "min_p": (0, "0 (off)"),
    "repetition_penalty": (1, "1 (off)"),
    "seed": (None, "always another"),
    "max_tokens": (None, "no limit"),
    "stop": ((), "none"),
}
STOP_WANTED = 'texts in quotes with commas between them, such as "User:", "\\n\\n"'
LONG = 24


def own(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that a session's settings hold; what cannot be, as imported files may have it, is left out."""
    given = settings.get("sampling")
    return {
        name: KINDS[name].make(given[name])
        for name in SAMPLING
        if isinstance(given, dict) and name in given and KINDS[name].accepts(given[name])
    }


def parse(name: str, text: str) -> Any:
    """What was typed for a parameter. Raises SettingsError with a sentence for what it cannot be."""
    value = _texts(text) if name == "stop" else _number(text)
    if not KINDS[name].accepts(value):
        raise SettingsError(f"It must be {STOP_WANTED if name == 'stop' else KINDS[name].wanted}.")
    return KINDS[name].make(value)


def spell(name: str, value: Any) -> str:
    """As ``parse`` takes it."""
    if name != "stop":
        return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)
    plain = ", ".join(json.dumps(text, ensure_ascii=False) for text in value)
    return plain if sanitize(plain) == plain else ", ".join(map(json.dumps, value))


def spell_default(name: str, defaults: Mapping[str, Any]) -> str:
    """What holds where nothing is said; what only the model knows is missing until it is loaded."""
    if name not in defaults:
        return "as the model says"
    value = defaults[name]
    off, words = OFF.get(name, (object(), ""))
    return words if value == off else spell(name, value)


def differing(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[str]:
    """Those parameters that are not as the defaults are, in short."""
    return [
        f"{LABELS[name]} {_shortened(spell(name, value))}"
        for name, value in values.items()
        if name not in defaults or value != defaults[name]
    ]


def _number(text: str) -> float | None:
    """Whole where it is written so: of a float, not all digits would be there."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:  # no number, or one of thousands of digits
            continue
    return None


def _texts(text: str) -> Any:
    """In quotes and with commas; without quotes, one text as it stands."""
    if not text.startswith('"'):
        return [text]
    try:
        values = json.loads(f"[{text}]")
        json.dumps(values, ensure_ascii=False).encode()  # half of a pair of surrogates is no text
    except (ValueError, RecursionError):
        return None
    return values


def _shortened(text: str) -> str:
    return text if len(text) <= LONG else text[: LONG - 1] + "…"
