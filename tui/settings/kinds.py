"""What a setting may be: each kind checks a value as TOML or the command line gives it, and makes it the program's."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CACHE_PRECISIONS = ("auto", "float32", "float16", "int8")
PRECISIONS = ("auto", "float32", "bfloat16", "float16", "int8", "int4")


@dataclass(frozen=True)
class Kind:
    """``wanted`` completes "it must be …"; ``make`` turns a value that ``accepts`` takes into the one that is kept."""

    wanted: str
    accepts: Callable[[Any], bool]
    make: Callable[[Any], Any] = lambda value: value


def whole(minimum: int) -> Kind:
    return Kind(f"a whole number, {minimum} or more", lambda value: type(value) is int and value >= minimum)


def number(wanted: str, inside: Callable[[float], bool]) -> Kind:
    # Compared so that nan, which TOML can spell, is inside nothing.
    return Kind(f"a number, {wanted}", lambda value: type(value) in (int, float) and inside(value), float)


def one_of(*names: str) -> Kind:
    return Kind("one of " + ", ".join(names), lambda value: value in names)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _are_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(text, str) and text for text in value)


def _path(value: str | Path) -> Path:
    return Path(value).expanduser()


TEXT = Kind("a text in quotes, and not empty", _is_text)
ANY_TEXT = Kind("a text in quotes", lambda value: isinstance(value, str))
TEXTS = Kind("a list of texts in quotes", _are_texts, tuple)
PATH = Kind("a path in quotes", lambda value: isinstance(value, Path) or _is_text(value), _path)
PATHS = Kind("a list of paths in quotes", _are_texts, lambda values: tuple(map(_path, values)))
KEYS = Kind("a table of actions and keys", lambda value: isinstance(value, dict))
