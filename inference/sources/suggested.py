"""Models to begin with, by what fits the memory; the table is in suggested.toml."""

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.sources.hub_name import HubName

# The small chat model that the built-in guide gives way to.
FIRST = "smollm2"


@dataclass(frozen=True)
class Package:
    """A wheel of a package index that has the same file. ``size``: bytes of the wheel."""

    requirement: str
    size: int
    file: str


@dataclass(frozen=True)
class Suggestion:
    """A GGUF model on the Hub.

    ``size``, ``memory`` in bytes; ``sha256`` of its file, empty if the Hub is believed; ``chat_template`` in place of
    that in the file, empty if that one is good.
    """

    alias: str
    title: str
    name: HubName
    family: str
    parameters: int
    context: int
    size: int
    memory: int
    licence: str
    sampling: Mapping[str, float]
    sha256: str = ""
    package: Package | None = None
    chat_template: str = ""

    def fits(self, available: int | None) -> bool:
        """True if it runs in ``available`` bytes, or if nobody knows."""
        return available is None or self.memory <= available


@functools.cache
def suggestions() -> tuple[Suggestion, ...]:
    """All of them, the smallest first."""
    table = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return tuple(_suggestion(alias, entry) for alias, entry in table.items())


def suggested(text: str) -> Suggestion | None:
    """The suggestion of that alias or Hub name."""
    name = HubName.parse(text)
    for suggestion in suggestions():
        if text == suggestion.alias or name == suggestion.name:
            return suggestion
    return None


def _suggestion(alias: str, entry: Mapping[str, Any]) -> Suggestion:
    fields = dict(entry)
    name = HubName(fields.pop("repository"), selector=fields.pop("quantization"))
    package = fields.pop("package", None)
    return Suggestion(alias=alias, name=name, package=Package(**package) if package else None, **fields)
