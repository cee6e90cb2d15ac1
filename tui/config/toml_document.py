"""TOML files edited by users: errors name file, line and key, and a key can be set in place."""

import difflib
import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from inference.system.atomic_write import atomic_write
from tui.config.errors import SettingsError

# Far larger than any hand-written file.
MAX_BYTES = 1_000_000
_POSITION = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")

Key = tuple[str, ...]


class TomlFile:
    """A TOML file as it was read; ``values``: tomllib's."""

    def __init__(self, path: Path, text: str) -> None:
        """Raises SettingsError if ``text`` is not TOML."""
        self.path = path
        self.text = text
        try:
            self.values = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise SettingsError(self._explain(str(error))) from None

    def position(self, *key: str) -> "Position":
        """File and line of ``key``, given as a path from the outermost table."""
        return Position(self, key)

    @cached_property
    def lines(self) -> dict[Key, int]:
        """Line (from 1) of the first statement that sets each key."""
        lines: dict[Key, int] = {}
        table: Key = ()
        for statement in _statements(self.text):
            keys = list(_keys(statement.values))
            if statement.is_header:
                table = keys[-1]
            for key in keys:
                lines.setdefault(key if statement.is_header else table + key, statement.first)
        return lines

    def _explain(self, message: str) -> str:
        position = _POSITION.search(message)
        number = position[1] if position else None
        where = f"line {number}" if number else "at its end"
        return f"{self.path}, {where}, is not TOML: {_POSITION.sub('', message)}."


@dataclass(frozen=True)
class Position:
    """Position of a key. The line is looked up lazily, as most positions are never printed."""

    file: TomlFile
    key: Key

    def __str__(self) -> str:
        return f"{self.file.path}, line {self.file.lines[self.key]}"


def read_toml(path: Path) -> TomlFile:
    """Read a TOML file. Raises SettingsError if it is unreadable or invalid, FileNotFoundError if it does not exist."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise SettingsError(f"{path} is larger than {MAX_BYTES // 1_000_000} MB: too large for a settings file.")
        return TomlFile(path, content.decode("utf-8-sig"))
    except FileNotFoundError:
        raise
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is not UTF-8 text.") from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read ({error.strerror}).") from None


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """``; did you mean …?`` if one of the words is similar, else empty."""
    near = difflib.get_close_matches(word, list(words), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def set_string(path: Path, key: str, value: str) -> None:
    """Set a top-level string, preserving everything else including comments; create the file if necessary.

    Raises SettingsError, without changing the file, if it cannot be read or written.
    """
    # Imported late: rarely needed.
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        file = read_toml(path)
    except FileNotFoundError:
        file = TomlFile(path, "")
    try:
        outside, rest = _split(file.text)
        document = tomlkit.parse(outside)
        document[key] = value
        edited = tomlkit.dumps(document) + rest
        changed = TomlFile(path, edited).values
    except (TOMLKitError, SettingsError):
        changed = {}
    if changed != {**file.values, key: value}:
        raise SettingsError(f"{path} cannot be changed safely: set {key} = {json.dumps(value)} in it by hand.")
    target = path.resolve()  # keeps a symbolic link
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o600
        with atomic_write(target, mode) as partial:
            partial.write_text(edited, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path} cannot be written ({error.strerror}).") from None


class _Statement(NamedTuple):
    """A statement or table header; ``first`` and ``last``: its lines, from 1."""

    first: int
    last: int
    is_header: bool
    values: dict[str, Any]


def _statements(text: str) -> Iterator[_Statement]:
    """Split a valid document into statements, including comments and blank lines.

    A statement ends at the first line at which it parses.
    """
    first, statement = 1, ""
    for number, line in enumerate(text.split("\n"), 1):
        statement += line + "\n"
        try:
            values = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        yield _Statement(first, number, statement.lstrip().startswith("["), values)
        first, statement = number + 1, ""


def _split(text: str) -> tuple[str, str]:
    """The text up to the last top-level statement, and the rest, including comments before the first table."""
    last = 0
    for statement in _statements(text):
        if statement.is_header:
            break
        if statement.values:
            last = statement.last
    lines = text.split("\n")
    outside = "".join(line + "\n" for line in lines[:last])
    return outside, "\n".join(lines[last:])


def _keys(values: Any, outer: Key = ()) -> Iterator[Key]:
    """All keys in ``values``, parents before children."""
    if isinstance(values, dict):
        for name, value in values.items():
            yield (*outer, name)
            yield from _keys(value, (*outer, name))
