"""Lorebooks: entries that the model sees when their keys are in the text, kept as their files have them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Literal

Format = Literal["world_info", "character_card"]
# Which of the secondary keys have to be in the text, numbered as ``selectiveLogic`` in files.
Secondary = Literal["any", "not all", "not any", "all"]
SECONDARY: tuple[Secondary, ...] = ("any", "not all", "not any", "all")

DEFAULT_ORDER = 100
MAX_ORDER = 10**9


class BookError(ValueError):
    """The value is not a lorebook; ``str(error)`` says what is wrong with it, to follow the name of a file."""


@dataclass(frozen=True)
class Entry:
    """``order``: entries of a lower one come first. ``priority``: those of a higher one are the last to be left out.

    ``constant``: used whatever the text is. ``secondary``: keys that decide with ``logic`` once one of ``keys`` is in
    the text. ``case``: upper and lower case differ. ``whole``: keys are whole words.
    """

    name: str = ""
    keys: tuple[str, ...] = ()
    secondary: tuple[str, ...] = ()
    logic: Secondary = "any"
    text: str = ""
    enabled: bool = True
    constant: bool = False
    order: int = DEFAULT_ORDER
    priority: int = 0
    case: bool = False
    whole: bool = True

    @property
    def label(self) -> str:
        """The name, else the first key, else the beginning of the text."""
        return self.name.strip() or next((key for key in self.keys if key.strip()), "") or self.text[:40].strip()

    @property
    def usable(self) -> bool:
        """False if nothing could ever have it used."""
        return bool(self.text.strip()) and (self.constant or any(key.strip() for key in self.keys))


@dataclass(frozen=True, eq=False)
class Book:
    """A lorebook in one of the formats. ``value``: all of its file as JSON values, which are never changed in place."""

    format: Format
    value: Mapping[str, Any] = field(repr=False)

    @classmethod
    def empty(cls) -> "Book":
        """A lorebook of one's own."""
        return cls("world_info", {"entries": {}})

    @property
    def name(self) -> str:
        """Its name, or the character's; often empty."""
        return _text(self.value.get("name") if self.format == "world_info" else self._data.get("name"))

    @property
    def budget(self) -> int | None:
        """Tokens that its entries may take, if the file limits them."""
        budget = self._inner.get("token_budget")
        return budget if type(budget) is int and budget > 0 else None

    @property
    def character(self) -> str:
        """What a card tells of its character, apart from the lorebook."""
        told = [self.filled(_text(self._data.get(name))).strip() for name in ("description", "personality", "scenario")]
        return "\n".join(filter(None, told))

    def filled(self, text: str) -> str:
        """The text with the names that cards leave open."""
        name = self.name if self.format == "character_card" else ""
        return text.replace("{{char}}", name or "{{char}}").replace("{{user}}", "User")

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """The entries, in the order of the file."""
        return tuple(_entry(raw, self.format) for raw in self._raw.values())

    # ---- changes

    def put(self, index: int, entry: Entry) -> "Book":
        """The book with this entry at the place of another; what the entry does not know of stays as it is."""
        raw, (key, kept) = self._raw, list(self._raw.items())[index]
        return self._with({**raw, key: {**kept, **_changes(kept, self.entries[index], entry, self.format)}})

    def add(self, entry: Entry) -> "Book":
        """The book with this entry behind the others."""
        raw = self._raw
        number = max((int(key) for key in raw if key.isdecimal()), default=-1) + 1
        kept = _new(number, self.format)
        return self._with(
            {**raw, str(number): {**kept, **_changes(kept, _entry(kept, self.format), entry, self.format)}}
        )

    def remove(self, index: int) -> "Book":
        """The book without this entry."""
        key = list(self._raw)[index]
        return self._with({other: raw for other, raw in self._raw.items() if other != key})

    # ---- the file

    @property
    def _data(self) -> Mapping[str, Any]:
        data = self.value.get("data")
        return data if isinstance(data, dict) else {}

    @property
    def _inner(self) -> Mapping[str, Any]:
        """What holds the entries."""
        if self.format == "world_info":
            return self.value
        book = self._data.get("character_book")
        return book if isinstance(book, dict) else {}

    @property
    def _raw(self) -> dict[str, Mapping[str, Any]]:
        entries = self._inner.get("entries") or {}
        return dict(entries) if isinstance(entries, dict) else {str(n): raw for n, raw in enumerate(entries)}

    def _with(self, entries: Mapping[str, Any]) -> "Book":
        whole = isinstance(self._inner.get("entries"), dict) or self.format == "world_info"
        inner = {**self._inner, "entries": entries if whole else list(entries.values())}
        if self.format == "world_info":
            return replace(self, value=inner)
        book = inner if self._inner else {"extensions": {}, **inner}
        return replace(self, value={**self.value, "data": {**self._data, "character_book": book}})


def read_book(value: object) -> Book:
    """The lorebook that a file's JSON value is. Raises BookError."""
    if not isinstance(value, dict):
        raise BookError("is not a lorebook: it is not a JSON object")
    if "spec" in value or "data" in value:
        return _read_card(value)
    if "entries" not in value:
        raise BookError("is not a lorebook: it has no entries, and is no Character Card V2 either")
    if not isinstance(value["entries"], dict):
        raise BookError("is a lorebook of another format: its entries are not an object of entries by number")
    return _checked(Book("world_info", value), "keysecondary", "key")


def _read_card(value: dict[str, Any]) -> Book:
    spec, version = value.get("spec"), value.get("spec_version")
    if spec != "chara_card_v2" or version not in ("2.0", 2, 2.0):
        raise BookError(
            f"is a card of the version {str(spec)[:40]} {str(version)[:20]}; only chara_card_v2 2.0 can be read"
        )
    if not isinstance(value.get("data"), dict):
        raise BookError("is a card without data")
    book = value["data"].get("character_book")
    if book is not None and not (isinstance(book, dict) and isinstance(book.get("entries"), list)):
        raise BookError("is a card whose lorebook has no list of entries")
    return _checked(Book("character_card", value), "secondary_keys", "keys")


def _checked(book: Book, *lists: str) -> Book:
    for number, raw in enumerate(book._raw.values(), 1):
        if not isinstance(raw, dict):
            raise BookError(f"has an entry that is not an object (number {number})")
        for name in lists:
            if not isinstance(raw.get(name, []), list) or not all(isinstance(key, str) for key in raw.get(name, [])):
                raise BookError(f"has an entry whose “{name}” is not a list of strings (number {number})")
        if not isinstance(raw.get("content", ""), str):
            raise BookError(f"has an entry whose “content” is not a string (number {number})")
    return book


# ---- the fields of each format

Raw = Mapping[str, Any]


@dataclass(frozen=True)
class _Field:
    """How a format has a field of an entry. ``write``: the values of a file for one of the entry."""

    read: Callable[[Raw], Any]
    write: Callable[[Any], Raw]


def _named(name: str, read: Callable[[Any], Any], write: Callable[[Any], Any] = lambda value: value) -> _Field:
    return _Field(lambda raw: read(raw.get(name)), lambda value: {name: write(value)})


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _keys(value: object) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, list) else ()


def _number(default: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        number = value if isinstance(value, int | float) and not isinstance(value, bool) and value == value else default
        return int(min(max(number, -MAX_ORDER), MAX_ORDER))

    return read


def _logic(value: object) -> Secondary:
    return SECONDARY[value] if type(value) is int and 0 <= value < len(SECONDARY) else "any"


def _selected(name: str, usual: bool) -> _Field:
    """Secondary keys, which count if the entry is selective."""

    def read(raw: Raw) -> tuple[str, ...]:
        return _keys(raw.get(name)) if raw.get("selective", usual) else ()

    return _Field(read, lambda keys: {name: list(keys), **({"selective": True} if keys else {})})


def _extension(name: str, read: Callable[[Any], Any]) -> _Field:
    """What cards made of lorebooks keep among the extensions, because their own format lacks it."""

    def value(raw: Raw) -> object:
        extensions = raw.get("extensions")
        return extensions.get(name) if isinstance(extensions, dict) else None

    return _Field(lambda raw: read(value(raw)), lambda _: {})


def _true(value: object) -> bool:
    return value is True


def _unless_false(value: object) -> bool:
    return value is not False


_FIELDS: dict[Format, dict[str, _Field]] = {
    "world_info": {
        "name": _named("comment", _text),
        "keys": _named("key", _keys, list),
        "secondary": _selected("keysecondary", True),
        "logic": _named("selectiveLogic", _logic, SECONDARY.index),
        "text": _named("content", _text),
        "enabled": _named("disable", lambda value: value is not True, lambda enabled: not enabled),
        "constant": _named("constant", _true),
        "order": _named("order", _number(DEFAULT_ORDER)),
        "case": _named("caseSensitive", _true),
        "whole": _named("matchWholeWords", _unless_false),
    },
    "character_card": {
        "name": _Field(lambda raw: _text(raw.get("name")) or _text(raw.get("comment")), lambda name: {"name": name}),
        "keys": _named("keys", _keys, list),
        "secondary": _selected("secondary_keys", False),
        "logic": _extension("selectiveLogic", _logic),
        "text": _named("content", _text),
        "enabled": _named("enabled", _unless_false),
        "constant": _named("constant", _true),
        "order": _named("insertion_order", _number(DEFAULT_ORDER)),
        "priority": _named("priority", _number(0)),
        "case": _named("case_sensitive", _true),
        "whole": _extension("match_whole_words", _unless_false),
    },
}


def _entry(raw: Raw, kind: Format) -> Entry:
    return Entry(**{name: each.read(raw) for name, each in _FIELDS[kind].items()})


def _changes(raw: Raw, before: Entry, after: Entry, kind: Format) -> Raw:
    """The values of a file that differ, so that all others stay as they were written."""
    changed: dict[str, Any] = {}
    for name in (each.name for each in fields(Entry)):
        if name in _FIELDS[kind] and getattr(before, name) != getattr(after, name):
            changed |= _FIELDS[kind][name].write(getattr(after, name))
    return changed


def _new(number: int, kind: Format) -> Raw:
    """An entry as the programs write it that the format comes from."""
    if kind == "character_card":
        return {
            "id": number,
            "keys": [],
            "secondary_keys": [],
            "content": "",
            "extensions": {},
            "enabled": True,
            "insertion_order": DEFAULT_ORDER,
            "name": "",
            "constant": False,
            "selective": False,
        }
    return {
        "uid": number,
        "key": [],
        "keysecondary": [],
        "comment": "",
        "content": "",
        "constant": False,
        "selective": True,
        "selectiveLogic": 0,
        "addMemo": True,
        "order": DEFAULT_ORDER,
        "position": 0,
        "disable": False,
        "probability": 100,
        "useProbability": True,
        "depth": 4,
        "displayIndex": number,
    }
