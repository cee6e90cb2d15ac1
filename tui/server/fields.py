"""Reads the fields of a JSON object from a stranger, one by one, each with its type."""

import json
from collections.abc import Callable, Mapping, Set
from typing import Any, NoReturn, TypeVar

from tui.server.errors import RequestError
from tui.terminal.sanitize import shortened

LONGEST_NAME = 60  # characters of a field's name that an error repeats

T = TypeVar("T")


def json_object(content: bytes) -> dict[str, Any]:
    """Parse a request's body. Raises RequestError if it is not a JSON object."""
    try:
        value = json.loads(content.decode(), parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise RequestError(400, "invalid_json", "The body is not UTF-8.") from None
    except RecursionError:
        raise RequestError(400, "invalid_json", "The body is nested too deeply.") from None
    except ValueError as error:  # also for an integer of thousands of digits
        raise RequestError(400, "invalid_json", f"The body is not JSON ({error}).") from None
    if not isinstance(value, dict):
        raise RequestError(400, "invalid_json", "The body must be a JSON object.")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


class Fields:
    """The fields of an object. ``null`` counts as absent. ``path``: of the object itself, for errors.

    All methods that read raise RequestError, naming the field, for a value of another type.
    """

    def __init__(self, values: Mapping[str, Any], path: str = "") -> None:
        self._values = {name: value for name, value in values.items() if value is not None}
        self._path = path

    def names(self) -> Set[str]:
        """The names of the fields that are there."""
        return self._values.keys()

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def raw(self, name: str) -> Any:
        """The value as it is; None if it is absent."""
        return self._values.get(name)

    def required(self, name: str) -> Any:
        """The value as it is. Raises RequestError if it is absent."""
        if name not in self._values:
            raise RequestError(400, "missing_field", f"The field {self.path(name)} is missing.", self.path(name))
        return self._values[name]

    def text(self, name: str) -> str:
        """A string that must be there."""
        return text(self.required(name), self.path(name))

    def truth(self, name: str) -> bool:
        """A boolean; False if it is absent."""
        value = self._values.get(name, False)
        return value if isinstance(value, bool) else self._wrong(name, "true or false")

    def whole(self, name: str, lowest: int, highest: int, default: int) -> int:
        """An integer from ``lowest`` to ``highest``."""
        value = self._values.get(name, default)
        right = isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest
        return int(value) if right else self._wrong(name, f"an integer from {lowest} to {highest}")

    def below(self, name: str) -> "Fields":
        """The fields of an object within this one; none if it is absent."""
        value = self._values.get(name, {})
        return Fields(value, self.path(name)) if isinstance(value, dict) else self._wrong(name, "an object")

    def each(self, name: str, read: Callable[[Any, str], T], wanted: str) -> list[T]:
        """The items of a list that must be there and not be empty, read by ``read(value, path)``."""
        value = self.required(name)
        if not isinstance(value, list) or not value:
            self._wrong(name, wanted)
        return [read(item, f"{self.path(name)}[{index}]") for index, item in enumerate(value)]

    def path(self, name: str) -> str:
        """The field's name within the request. A client can choose some: they need not be short, nor Unicode."""
        shown = shortened(name, LONGEST_NAME)
        return f"{self._path}.{shown}" if self._path else shown

    def _wrong(self, name: str, wanted: str) -> NoReturn:
        raise wrong(self.path(name), wanted)


def text(value: Any, path: str) -> str:
    """A string of valid Unicode. Raises RequestError if ``value`` is none."""
    if not isinstance(value, str):
        raise wrong(path, "a string")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise wrong(path, "valid Unicode") from None
    return value


def fields_of(value: Any, path: str) -> Fields:
    """The fields of a value that must be an object."""
    if not isinstance(value, dict):
        raise wrong(path, "an object")
    return Fields(value, path)


def wrong(path: str, wanted: str) -> RequestError:
    """The error for a value that is not what it must be."""
    return RequestError(400, "invalid_value", f"{path} must be {wanted}.", path)
