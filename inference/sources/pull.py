"""Downloads a model by name: from the Hub, a suggested one also from the package index."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from inference.checkpoint.chat_template_file import NAME
from inference.checkpoint.checkpoint import open_checkpoint
from inference.checkpoint.encoder_directory import EncoderDirectory, is_encoder
from inference.errors import HubError, InferenceError, UnavailableError
from inference.sources.download import RemoteFile
from inference.sources.hub import pull_from_hub
from inference.sources.hub_name import HubName
from inference.sources.incoming import Incoming
from inference.sources.package_index import pull_from_index
from inference.sources.registry import models_at
from inference.sources.suggested import (
    EmbeddingModel,
    Suggestion,
    embedding_model,
    embedding_models,
    suggested,
    suggestions,
)


@dataclass(frozen=True)
class Pulled:
    """``name``: as ``find_model`` takes it. ``note``: a sentence about what cannot be done with it, often empty.

    ``embeds``: it is an embedding model.
    """

    name: str
    path: Path
    note: str = ""
    embeds: bool = False


def pull(
    text: str, downloads: Path, progress: Callable[[int, int, str], None] = lambda done, total, what: None
) -> Pulled:
    """Download the model that ``text`` names (see HubName.parse), or the suggested one of that alias.

    ``progress(done, total, what)`` is called with bytes and may raise to stop. The next call resumes an interrupted
    download from the Hub, or updates a complete one. Raises HubError: not found, not authorised, unsupported (checked
    before the weights are fetched), or not enough disk space.
    """
    suggestion = suggested(text) or embedding_model(text)
    name = suggestion.name if suggestion else HubName.parse(text)
    if name is None:
        known: tuple[Suggestion | EmbeddingModel, ...] = (*suggestions(), *embedding_models())
        raise HubError(
            f"{text} is not a Hugging Face model name (expected ORG/NAME, ORG/NAME:QUANT or an address), "
            f"nor a suggested model ({', '.join(each.alias for each in known)})."
        )
    digest = suggestion.sha256 if suggestion else ""

    def complete(download: Incoming) -> None:
        if isinstance(suggestion, Suggestion):
            _write_recommendations(suggestion, download.work)
        download.put_in_place()

    note = ""
    try:
        name, note = pull_from_hub(name, downloads, progress, complete, digest)
    except UnavailableError as error:
        if suggestion is None or suggestion.package is None:
            raise
        try:
            pull_from_index(name, suggestion.package, _in_wheel(suggestion), downloads, progress, complete)
        except UnavailableError as second:
            raise UnavailableError(f"{error.reason} {second}") from None
    path = next(found.path for found in models_at(downloads / name.folder, str(name), "download"))
    try:
        embeds = is_encoder(path)
        _ = EncoderDirectory(path).files if embeds else open_checkpoint(path).weights
    except InferenceError as error:
        raise HubError(f"{name} was downloaded but cannot be used. {error}") from None
    return Pulled(str(name), path, note, embeds)


def _in_wheel(model: Suggestion | EmbeddingModel) -> dict[str, RemoteFile]:
    """The files of a model by their paths in its wheel."""
    assert model.package is not None
    path = PurePosixPath(model.package.path)
    if isinstance(model, Suggestion):
        return {str(path): RemoteFile(path.name, "", model.size, f"sha256:{model.sha256}")}
    files = model.files.items()
    return {str(path / name): RemoteFile(name, "", size, f"sha256:{digest}") for name, (size, digest) in files}


def _write_recommendations(suggestion: Suggestion, directory: Path) -> None:
    """Keep sampling and chat template where transformers keeps them."""
    (directory / "generation_config.json").write_text(json.dumps(dict(suggestion.sampling)))
    if suggestion.chat_template:
        (directory / NAME).write_text(suggestion.chat_template, encoding="utf-8")
