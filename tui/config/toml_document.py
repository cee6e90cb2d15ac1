"""TOML files that people write: every complaint names the file, the line and the key; one key can be set in place."""

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

# Far more than anybody writes by hand.
MAX_BYTES = 1_000_000
_POSITION = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")

Key = tuple[str, ...]


class TomlFile:
    """One file as it was when it was read: ``values`` as tomllib gives them."""

    def __init__(self, path: Path, text: str) -> None:
        """Raises SettingsError where ``text`` is not TOML."""
        self.path = path
        self.text = text
        try:
            self.values = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise SettingsError(self._explain(str(error))) from None

    def position(self, *key: str) -> "Position":
        """File and line of ``key``, named from the outermost table inwards."""
        return Position(self, key)

    @cached_property
    def lines(self) -> dict[Key, int]:
        """The line, counted from 1, on which the first statement that sets each key begins."""
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
    """Where a key is set. The line is looked up when the position is printed: most never are."""

    file: TomlFile
    key: Key

    def __str__(self) -> str:
        return f"{self.file.path}, line {self.file.lines[self.key]}"


def read_toml(path: Path) -> TomlFile:
    """Raises SettingsError if the file cannot be read or is not TOML; FileNotFoundError if there is none."""
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
    """``; did you mean …?`` where one of the words is near, else nothing."""
    near = difflib.get_close_matches(word, list(words), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def set_string(path: Path, key: str, value: str) -> None:
    """Set one string outside all tables and leave everything else as it is, comments too; a new file if there is none.

    Raises SettingsError, the file untouched, if it cannot be read or written.
    """
    # Imported late: few starts of the program change a setting.
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
    target = path.resolve()  # a link stays a link
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o600
        with atomic_write(target, mode) as partial:
            partial.write_text(edited, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path} cannot be written ({error.strerror}).") from None


class _Statement(NamedTuple):
    """``first`` and ``last`` lines, counted from 1. A table's header is a statement too."""

    first: int
    last: int
    is_header: bool
    values: dict[str, Any]


def _statements(text: str) -> Iterator[_Statement]:
    """The statements of a valid document, comments and blank lines among them.

    A statement ends with the first line at which it is TOML by itself.
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
    """The text up to the last statement outside all tables, and the rest, comments on the first table among it."""
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
    """Every key in ``values`` and its tables, each after those it is in."""
    if isinstance(values, dict):
        for name, value in values.items():
            yield (*outer, name)
            yield from _keys(value, (*outer, name))
