"""TOML files that people write: every complaint names the file, the line and the key; one key can be set in place."""

import contextlib
import difflib
import json
import os
import re
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tui.config.errors import SettingsError

# Far more than anybody writes by hand.
MAX_BYTES = 1_000_000
# Of a statement on one line: what stands behind its value.
_COMMENT = re.compile(r"""[^#"']*=\s*(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^#"']*)(\s*#.*)$""")
_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


class TomlFile:
    """One file as it was when it was read: ``values`` as tomllib gives them."""

    def __init__(self, path: Path, text: str) -> None:
        """Raises SettingsError where ``text`` is not TOML."""
        self.path = path
        self.text = text
        try:
            self.values = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise SettingsError(self._told(str(error))) from None

    def place(self, *key: str) -> str:
        """The file and the line where ``key``, from the outermost table inwards, stands."""
        return f"{self.path}, line {self.lines(*key)[0]}"

    def lines(self, *key: str) -> tuple[int, int]:
        """The first and the last line of the statement that sets ``key``, counted from 1.

        Asks TOML itself: the statement ends where the file, read so far, first has the key.
        """
        lines = self.text.splitlines(keepends=True)
        first = 1
        for last in range(1, len(lines) + 1):
            with contextlib.suppress(tomllib.TOMLDecodeError):
                if _has(tomllib.loads("".join(lines[:last])), key):
                    return first, last
                first = last + 1
        raise KeyError(key)

    def _told(self, message: str) -> str:
        place = _PLACE.search(message)
        number = place[1] if place else None
        where = f"line {number}" if number else "at its end"
        return f"{self.path}, {where}, is not TOML: {_PLACE.sub('', message)}."


def read_toml(path: Path) -> TomlFile:
    """Raises SettingsError if the file cannot be read or is not TOML; FileNotFoundError if there is none."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise SettingsError(f"{path} is larger than {MAX_BYTES // 1_000_000} MB: it cannot be a file of settings.")
        return TomlFile(path, content.decode("utf-8-sig"))
    except FileNotFoundError:
        raise
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is not a text in UTF-8.") from None
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
    try:
        file = read_toml(path)
    except FileNotFoundError:
        file = TomlFile(path, "")
    edited = _edited(file, key, json.dumps(value, ensure_ascii=False))
    if TomlFile(path, edited).values != {**file.values, key: value}:
        raise SettingsError(f"{path} cannot be changed safely: set {key} = {json.dumps(value)} in it by hand.")
    try:
        _replace(path.resolve(), edited)  # a link stays a link
    except OSError as error:
        raise SettingsError(f"{path} cannot be written ({error.strerror}).") from None


def _edited(file: TomlFile, key: str, value: str) -> str:
    lines = file.text.splitlines(keepends=True)
    if key in file.values:
        first, last = file.lines(key)
        comment = _COMMENT.match(lines[first - 1].rstrip())
        lines[first - 1 : last] = [f"{key} = {value}{comment[1] if comment else ''}\n"]
    else:
        # Keys outside all tables stand before the first of them: below the last such key, else at the top.
        outside = [file.lines(name)[1] for name, held in file.values.items() if not _is_table(held)]
        at = max(outside, default=0)
        if at and not lines[at - 1].endswith("\n"):
            lines[at - 1] += "\n"
        lines.insert(at, f"{key} = {value}\n")
    return "".join(lines)


def _replace(path: Path, text: str) -> None:
    """Write beside the file, then put in its place: a reader sees the old one or the new one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(item, dict) for item in value))


def _has(values: Any, key: tuple[str, ...]) -> bool:
    for part in key:
        if not isinstance(values, dict) or part not in values:
            return False
        values = values[part]
    return True
