"""Colour themes: validated TOML files, bundled or the user's."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.color import Color, ColorParseError
from textual.theme import Theme

from tui.config.errors import SettingsError
from tui.config.paths import shipped, user_themes_directory
from tui.config.toml_document import TomlFile, did_you_mean, read_toml

DEFAULT_THEME, LIGHT_THEME = "dark", "light"
AUTO = "auto"  # the setting that takes one of these, by the terminal's background
COLORS = (
    "background",  # behind everything
    "surface",  # bars, sidebar, dialogs
    "panel",  # highlighted background
    "foreground",  # text
    "primary",  # focus, keys
    "secondary",  # the user's name
    "accent",  # marks and selection
    "success",  # the model's name
    "warning",  # notices
    "error",
)
# Textual's other variables, derived from the colours unless the theme sets them.
VARIABLES = frozenset(Theme("any", primary="#000000").to_color_system().generate()) - set(COLORS)

_NAME = re.compile(r"[A-Za-z][\w-]*")
_COLOR = re.compile(r"(?P<color>.+?)(?: (?P<percent>\d{1,3})%)?")
_STYLES = {"none", "bold", "dim", "italic", "underline", "reverse", "strike", "not"}


@dataclass(frozen=True)
class ThemeFile:
    """``about``: one line for the picker. ``own``: the user's, not bundled."""

    name: str
    about: str
    path: Path
    own: bool
    theme: Theme


def find_themes() -> tuple[dict[str, ThemeFile], list[str]]:
    """All themes by name, the default first, and an error message for each invalid file.

    A user's theme overrides a bundled one of the same name.
    """
    found: dict[str, ThemeFile] = {}
    problems = []
    for path in theme_files():
        try:
            found[path.stem] = read_theme(path)
        except (SettingsError, FileNotFoundError) as error:
            problems.append(str(error))
    return dict(sorted(found.items(), key=lambda item: (item[0] != DEFAULT_THEME, item[0]))), problems


def theme_files() -> list[Path]:
    """Bundled themes, then the user's."""
    return [path for folder in (shipped("themes"), user_themes_directory()) for path in sorted(folder.glob("*.toml"))]


def read_theme(path: Path) -> ThemeFile:
    """Read a theme. Raises SettingsError, naming file, line and key, if it is invalid."""
    if not _NAME.fullmatch(path.stem):
        raise SettingsError(f"{path}: invalid theme name (use letters, digits, - and _, starting with a letter).")
    file = read_toml(path)
    values = dict(file.values)
    about = _one_of_type(file, str, values.pop("about", ""), "about", "a quoted string")
    dark = _one_of_type(file, bool, values.pop("dark", True), "dark", "true or false")
    for name in values:
        if name not in COLORS and name not in VARIABLES:
            known = ("about", "dark", *COLORS, *VARIABLES)
            raise SettingsError(f"{file.position(name)}: unknown theme key {name}{did_you_mean(name, known) or '.'}")
    if missing := [name for name in COLORS if name not in values]:
        raise SettingsError(f"{path}: missing {_listed(missing)} (a theme needs {_listed(COLORS)}).")
    for name, value in values.items():
        _check_value(file, name, value)
    colors = {name: values.pop(name) for name in COLORS}
    ansi = Color.parse(colors["background"]).ansi is not None
    odd = next((name for name in COLORS if (Color.parse(colors[name]).ansi is not None) != ansi), None)
    if odd:
        raise SettingsError(
            f"{file.position(odd)}: {odd} is {colors[odd]!r}, but a theme must use either only the terminal's palette"
            " (ansi_red …) or none of it."
        )
    # Textual's CSS uses some variables that it leaves undefined for ANSI themes.
    theme = Theme(path.stem, **colors, dark=dark, ansi=ansi)
    unset = set(VARIABLES) - set(theme.to_color_system().generate()) if ansi else set()
    theme.variables = dict.fromkeys(unset, "ansi_default")
    theme.variables |= values
    return ThemeFile(path.stem, about, path, path.parent == user_themes_directory(), theme)


def _one_of_type(file: TomlFile, kind: type, value: Any, name: str, wanted: str) -> Any:
    if not isinstance(value, kind):
        raise SettingsError(f"{file.position(name)}: {name} is {value!r} (must be {wanted}).")
    return value


def _check_value(file: TomlFile, name: str, value: Any) -> None:
    if name.endswith("-style") or "-style-" in name:
        if not isinstance(value, str) or not value or set(value.split()) - _STYLES:
            raise SettingsError(
                f"{file.position(name)}: {name} is {value!r} (must be a quoted text style such as "
                '"bold", "underline", "bold reverse" or "none").'
            )
    elif not isinstance(value, str) or not _is_color(value, plain=name in COLORS):
        raise SettingsError(
            f'{file.position(name)}: {name} is {value!r} (must be a quoted colour such as "#7aa2f7", '
            '"rgb(122,162,247)", "white" or "ansi_bright_blue").'
        )


def _is_color(value: str, plain: bool) -> bool:
    """``plain``: must be opaque (base colours); otherwise an alpha such as ``30%`` may follow."""
    match = _COLOR.fullmatch(value)
    if match is None or (match["percent"] and int(match["percent"]) > 100):
        return False
    if not plain and match["color"] == "auto":
        return True
    try:
        color = Color.parse(match["color"])
    except ColorParseError:
        return False
    return not plain or (color.a == 1 and not match["percent"])


def _listed(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
