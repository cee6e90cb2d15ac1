"""Models to begin with: chat models by what fits the memory (suggested.toml), and embedding_models.toml."""

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
    """A wheel of a package index that has the same file or folder at ``path``. ``size``: bytes of the wheel."""

    requirement: str
    size: int
    path: str


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


@dataclass(frozen=True)
class EmbeddingModel:
    """A model on the Hub that documents are searched with. ``files``: size and SHA-256 of each, by its name there."""

    alias: str
    title: str
    name: HubName
    licence: str
    package: Package
    files: Mapping[str, tuple[int, str]]

    @property
    def sha256(self) -> str:
        """The hash of the weights."""
        return self.files["model.safetensors"][1]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(size for size, _ in self.files.values())


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


@functools.cache
def embedding_models() -> tuple[EmbeddingModel, ...]:
    """Embedding models, the best first."""
    table = tomllib.loads(Path(__file__).with_name("embedding_models.toml").read_text(encoding="utf-8"))
    return tuple(_embedding_model(alias, entry) for alias, entry in table.items())


def embedding_model(text: str) -> EmbeddingModel | None:
    """The embedding model of that alias or Hub name."""
    name = HubName.parse(text)
    return next((model for model in embedding_models() if text == model.alias or name == model.name), None)


def _embedding_model(alias: str, entry: Mapping[str, Any]) -> EmbeddingModel:
    fields = dict(entry)
    name, package = HubName(fields.pop("repository")), Package(**fields.pop("package"))
    files = {file: (int(size), str(digest)) for file, (size, digest) in fields.pop("files").items()}
    return EmbeddingModel(alias=alias, name=name, package=package, files=files, **fields)


def _suggestion(alias: str, entry: Mapping[str, Any]) -> Suggestion:
    fields = dict(entry)
    name = HubName(fields.pop("repository"), selector=fields.pop("quantization"))
    package = fields.pop("package", None)
    return Suggestion(alias=alias, name=name, package=Package(**package) if package else None, **fields)
