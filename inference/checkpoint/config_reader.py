"""Reader of a ``config.json`` that refuses what is not sound."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inference.errors import CheckpointError

MISSING = object()


class ConfigReader:
    """Typed, bounded access to a JSON object; each complaint names the file, the key and the value found."""

    def __init__(self, values: Mapping[str, Any], source: Path, notes: list[str] | None = None) -> None:
        """``notes``: sentences for the user on what was assumed, collected while reading."""
        self.values = values
        self.source = source
        self.notes: list[str] = [] if notes is None else notes

    def __contains__(self, key: str) -> bool:
        return self.values.get(key) is not None

    def refuse(self, key: str, found: Any, wanted: str) -> CheckpointError:
        return CheckpointError(f"{self.source}: {key} is {shorten(found)}, but {wanted} is needed.")

    def _get(self, key: str, default: Any) -> Any:
        value = self.values.get(key)
        if value is not None:
            return value
        if default is MISSING:
            raise CheckpointError(f"{self.source}: the key {key} is missing; is this the model's own config.json?")
        return default

    def integer(self, key: str, low: int, high: int, default: Any = MISSING) -> int:
        value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.refuse(key, value, f"a whole number from {low} to {high}")
        return value

    def number(self, key: str, low: float, high: float, default: Any = MISSING) -> float:
        value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self.refuse(key, value, f"a number from {low:g} to {high:g}")
        return float(value)

    def boolean(self, key: str, default: Any = MISSING) -> bool:
        value = self._get(key, default)
        if not isinstance(value, bool):
            raise self.refuse(key, value, "true or false")
        return value

    def numbers(self, key: str, count: int, low: float, high: float) -> tuple[float, ...]:
        values = self._get(key, MISSING)
        if not isinstance(values, list) or len(values) != count:
            raise self.refuse(key, values, f"a list of {count} numbers")
        return tuple(self.over({key: value}).number(key, low, high) for value in values)

    def text(self, key: str, default: Any = MISSING) -> str:
        value = self._get(key, default)
        if not isinstance(value, str):
            raise self.refuse(key, value, "a string")
        return value

    def section(self, key: str) -> "ConfigReader":
        value = self._get(key, MISSING)
        if not isinstance(value, dict):
            raise self.refuse(key, value, "an object")
        return self.over(value)

    def over(self, values: Mapping[str, Any]) -> "ConfigReader":
        """Return a reader of other values of the same file."""
        return ConfigReader(values, self.source, self.notes)

    def token_ids(self, key: str, vocab_size: int) -> tuple[int, ...]:
        """A token id, a list of them, or null."""
        value = self.values.get(key)
        ids = value if isinstance(value, list) else [] if value is None else [value]
        for token_id in ids:
            if isinstance(token_id, bool) or not isinstance(token_id, int) or not 0 <= token_id < vocab_size:
                raise self.refuse(key, value, f"a token id below {vocab_size}, or a list of them,")
        return tuple(ids)


def shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
