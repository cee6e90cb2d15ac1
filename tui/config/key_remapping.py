"""User key bindings: validation and merging into the key map."""

from collections.abc import Iterable
from dataclasses import replace

from textual.keys import Keys, key_to_character

from tui.config.errors import SettingsError
from tui.config.keymap import KEYMAP, PLACES, Key, label
from tui.config.settings import DEFAULT, Settings, Source
from tui.config.toml_document import did_you_mean
from tui.terminal.key_names import character_to_key

MODIFIERS = ("ctrl", "alt", "shift")
# Common names for Textual's keys.
ALIASES = {"esc": "escape", "del": "delete", "ins": "insert", "return": "enter", "pgup": "pageup", "pgdn": "pagedown"}
NAMED = {key.value for key in Keys if "+" not in key.value and not key.value.startswith("<")}
# Terminals send the same bytes for both.
SAME = {"ctrl+i": "Tab", "ctrl+m": "Enter", "ctrl+h": "Backspace", "ctrl+left_square_bracket": "Esc"}


def remap(settings: Settings) -> tuple[tuple[Key, ...], list[str]]:
    """The key map with the user's bindings, and warnings for entries that have no effect.

    Raises SettingsError, naming file, line and action, for a key that is unknown, types text or is taken.
    """
    actions = {key.id: key for key in KEYMAP}
    warnings = []
    for action, chosen in settings.keys.items():
        source = settings.sources.get(f"keys.{action}", DEFAULT)
        if action not in actions:
            warnings.append(f"{source}: unknown action {action}{did_you_mean(action, actions) or '.'}")
            continue
        names = [_name(source, action, text) for text in ([chosen] if isinstance(chosen, str) else chosen)]
        key = actions[action] = replace(actions[action], keys=",".join(names))
        _check_typing(source, key)
        warnings += [
            f"{source}: most terminals cannot tell {label(name)} from {SAME[name]}; use another key."
            for name in names
            if name in SAME
        ]
    _check_conflicts(settings, actions.values())
    return tuple(actions.values()), warnings


def _name(source: Source, action: str, text: str) -> str:
    """Textual's name of a key given as ``Ctrl+J``, ``Esc``, ``[`` or ``left_square_bracket``."""
    *modifiers, name = ["+"] if text == "+" else text.split("+")
    modifiers = [modifier.strip().lower() for modifier in modifiers]
    name = name.strip()
    name = ALIASES.get(name.lower(), name.lower()) if len(name) > 1 or modifiers else name
    known_name = name in NAMED or (name.isprintable() if len(name) == 1 else key_to_character(name))
    for part, fine, known in (*((part, part in MODIFIERS, MODIFIERS) for part in modifiers), (name, known_name, NAMED)):
        if not fine:
            raise SettingsError(
                f"{source}: keys.{action} is {text!r}: unknown key “{part}”{did_you_mean(part, known) or '.'}"
            )
    name = character_to_key(name) if len(name) == 1 else name
    return "+".join([*(modifier for modifier in MODIFIERS if modifier in modifiers), name])


def _check_typing(source: Source, key: Key) -> None:
    if key.where in ("anywhere", "chat", "input", "story"):
        for name in key.keys.split(","):
            if (key_to_character(name) or "\n").isprintable() and "+" not in name:
                raise SettingsError(
                    f"{source}: {label(name)} cannot be bound to {key.id} because it types text; "
                    "use a function key or Ctrl."
                )


def _check_conflicts(settings: Settings, keymap: Iterable[Key]) -> None:
    for place, title in PLACES.items():
        taken: dict[str, Key] = {}
        for key in keymap:
            if key.where not in (place, "anywhere", *(["chat"] if place in ("input", "messages") else [])):
                continue
            for name in key.keys.split(","):
                other = taken.setdefault(name, key)
                if other is not key:
                    mine = key if key.id in settings.keys else other
                    raise SettingsError(
                        f"{settings.source(f'keys.{mine.id}')}: {label(name)} is bound to both {other.id} and {key.id} "
                        f"({title.lower()}); rebind one of them."
                    )
