"""Validation and conversion of setting values from TOML or the command line."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CACHE_PRECISIONS = ("auto", "float32", "float16", "int8")
NOTIFICATIONS = ("off", "bell", "desktop")
PRECISIONS = ("auto", "float32", "bfloat16", "float16", "int8", "int4")


@dataclass(frozen=True)
class Kind:
    """``wanted`` completes "must be …"; ``make`` converts a value that ``accepts`` allows."""

    wanted: str
    accepts: Callable[[Any], bool]
    make: Callable[[Any], Any] = lambda value: value


@dataclass(frozen=True)
class Bounds:
    """Range of a number; ``above`` excludes ``lowest``."""

    lowest: int
    highest: int
    whole: bool = False
    above: bool = False

    @property
    def kind(self) -> Kind:
        lowest = f"above {self.lowest} and at most" if self.above else f"from {self.lowest} to"
        wanted = f"{'an integer' if self.whole else 'a number'} {lowest} {self.highest}"
        return Kind(wanted, self._accepts, int if self.whole else float)

    def _accepts(self, value: Any) -> bool:
        # NaN, which TOML and JSON allow, compares false.
        inside = type(value) in (int, *(() if self.whole else (float,))) and self.lowest <= value <= self.highest
        return inside and not (self.above and value == self.lowest)


# For numbers from users, files and imports; those of sampling are the engine's.
BOUNDS = {
    "temperature": Bounds(0, 5),
    "top_k": Bounds(0, 1_000_000, whole=True),
    "top_p": Bounds(0, 1, above=True),
    "min_p": Bounds(0, 1),
    "repetition_penalty": Bounds(0, 10, above=True),
    "seed": Bounds(0, 2**64 - 1, whole=True),
    "max_tokens": Bounds(1, 10_000_000, whole=True),
    "typical_p": Bounds(0, 1, above=True),
    "xtc_probability": Bounds(0, 1),
    "xtc_threshold": Bounds(0, 1, above=True),
    "dry_multiplier": Bounds(0, 100),
    "dry_base": Bounds(1, 10),
    "dry_allowed_length": Bounds(1, 1000, whole=True),
    "context": Bounds(256, 2**28, whole=True),
    "threads": Bounds(1, 1024, whole=True),
    "cache_budget_mb": Bounds(1, 100_000_000, whole=True),
    "snapshot_limit_mb": Bounds(0, 100_000_000, whole=True),
}
# Those of texts, which are the engine's too.
MOST_STOPS, LONGEST_STOP = 100, 1000
MOST_PHRASES, LONGEST_PHRASE = 500, 200
MOST_BIASES, LONGEST_TOKEN, LARGEST_BIAS = 500, 200, 100


def one_of(*names: str) -> Kind:
    return Kind("one of " + ", ".join(names), lambda value: value in names)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _are_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(text, str) and text for text in value)


def _texts_up_to(most: int, longest: int) -> Kind:
    return Kind(
        f"a list of at most {most} quoted strings of at most {longest} characters",
        lambda value: _are_texts(value) and len(value) <= most and max(map(len, value), default=0) <= longest,
        tuple,
    )


def _is_bias(pair: Any) -> bool:
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        return False
    token, bias = pair
    if isinstance(token, str):
        is_token = 0 < len(token) <= LONGEST_TOKEN
    else:
        is_token = type(token) is int and 0 <= token < 2**32
    return is_token and type(bias) in (int, float) and -LARGEST_BIAS <= bias <= LARGEST_BIAS


def _path(value: str | Path) -> Path:
    try:
        return Path(value).expanduser()
    except RuntimeError:  # unknown user: opening the file will report it
        return Path(value)


TEXT = Kind("a non-empty quoted string", _is_text)
ANY_TEXT = Kind("a quoted string", lambda value: isinstance(value, str))
TRUTH = Kind("true or false", lambda value: isinstance(value, bool))
TEXTS = Kind("a list of quoted strings", _are_texts, tuple)
STOPS = _texts_up_to(MOST_STOPS, LONGEST_STOP)
PHRASES = _texts_up_to(MOST_PHRASES, LONGEST_PHRASE)
BIASES = Kind(
    f"a list of at most {MOST_BIASES} tokens, by quoted text or id, with numbers from -{LARGEST_BIAS} to "
    f'{LARGEST_BIAS}, such as [["very", -5], [1234, 2]]',
    lambda value: isinstance(value, list | tuple) and len(value) <= MOST_BIASES and all(map(_is_bias, value)),
    lambda value: tuple((token, float(bias)) for token, bias in value),
)
PATH = Kind("a quoted path", lambda value: isinstance(value, Path) or _is_text(value), _path)
PATHS = Kind("a list of quoted paths", _are_texts, lambda values: tuple(map(_path, values)))
KEYS = Kind("a table of actions and keys", lambda value: isinstance(value, dict))
