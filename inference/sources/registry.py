"""Finds models: built-in ones, directories, downloads, and those that other programs keep."""

import contextlib
import importlib.util
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from inference.errors import CheckpointError, ModelNotFoundError
from inference.sources import hub_cache
from inference.sources.folders import files_in, folders_in
from inference.sources.found import Found
from inference.sources.gguf_names import GgufModel, gguf_models, select
from inference.sources.hub_name import HubName
from inference.sources.ollama import PREFIX, full_name, ollama_models
from inference.sources.places import Places, expanded
from inference.sources.suggested import embedding_models, suggested

# Subdirectory of the downloads for incomplete ones.
UNFINISHED = ".unfinished"
# How far below one of the user's directories its models may be: those of LM Studio are in ORG/NAME.
DEPTH = 2


def find_model(name: str, places: Places) -> Path:
    """Return a model's directory or GGUF file: ``name`` is a built-in one, a path, one of the Hub or of Ollama.

    On the Hub it is ORG/NAME[@REVISION][:QUANT]. Raises ModelNotFoundError if there is none, CheckpointError if there
    are several.
    """
    if (places.shipped / name / "config.json").is_file() and Path(name).name == name:
        return places.shipped / name  # even if the current directory has one of that name: that is ./NAME
    path = expanded(name)
    try:
        if path.is_dir() or path.is_file():
            return path
    except OSError as error:
        raise CheckpointError(f"Cannot access {name[:200]}: {error.strerror}.") from None
    if name.startswith(PREFIX):
        return _in_ollama(name, places)
    suggestion = suggested(name)
    if hub_name := suggestion.name if suggestion else HubName.parse(name):
        return _of_the_hub(hub_name, places, name)
    raise ModelNotFoundError(
        name,
        f"There is no model {name}. Pass a built-in model, a directory, a GGUF file or ORG/NAME; "
        "`llm-tui models` lists them.",
    )


def find_embedding_model(places: Places) -> Path | None:
    """Return the directory of the best embedding model that is here, as a download or an installed package."""
    for model in embedding_models():
        with contextlib.suppress(CheckpointError):
            return find_model(str(model.name), places)
        package, *folders = Path(model.package.path).parts
        spec = importlib.util.find_spec(package)
        for location in spec.submodule_search_locations or () if spec else ():
            if (directory := Path(location, *folders)).is_dir():
                return directory
    return None


def find_models(places: Places) -> Iterator[Found]:
    """Yield all models, including incomplete ones, by source and name, without opening them."""
    for path in folders_in(places.shipped):
        if (path / "config.json").is_file():
            yield Found(path.name, "built-in", path)
    for directory in places.directories:
        yield from _in_directory(directory, DEPTH)
    for folder, name in _pairs(places.downloads):
        yield from models_at(folder, name, "download")
    for folder, name in _pairs(places.downloads / UNFINISHED):
        yield Found(name, "unfinished", folder)
    for name, repository in hub_cache.repositories(places.hub_cache):
        yield from models_at(hub_cache.snapshot(places.hub_cache, name) or repository, name, "hub-cache")
    for store in places.ollama:
        yield from ollama_models(store)
    for root in places.lm_studio:
        for folder, name in _pairs(root):
            yield from models_at(folder, name, "lm-studio")


def _pairs(root: Path) -> Iterator[tuple[Path, str]]:
    """Folders of models, and their names, below one folder per organisation."""
    for organisation in folders_in(root):
        for folder in folders_in(organisation):
            yield folder, HubName.of_folder(organisation.name, folder.name)


def _in_directory(directory: Path, depth: int) -> Iterator[Found]:
    ggufs = gguf_models(file.name for file in files_in(directory))
    is_model = _is_model_directory(directory, ggufs.values())
    if is_model:
        yield Found(str(directory), "directory", directory)
    for model in ggufs.values():
        yield _gguf(str(directory / model.parts[0]), "directory", directory, model)
    if depth and not is_model:
        for folder in folders_in(directory):
            yield from _in_directory(folder, depth - 1)


def models_at(folder: Path, name: str, source: str) -> Iterator[Found]:
    """The models in the files of one repository."""
    ggufs = gguf_models(_files_below(folder))
    if not ggufs or _is_model_directory(folder, ggufs.values()):
        yield Found(name, source, folder)
    for selector, model in ggufs.items():
        yield _gguf(name if ":" in name else f"{name}:{selector}", source, folder, model)


def _gguf(name: str, source: str, folder: Path, model: GgufModel) -> Found:
    count, expected = len(model.parts), model.expected
    problem = "" if count == expected else f"{model.stem} is incomplete: it has {count} of {expected} parts."
    return Found(name, source, folder / model.parts[0], problem)


def _is_model_directory(folder: Path, ggufs: Iterable[GgufModel]) -> bool:
    """True if it is meant for transformers. Repositories of GGUF files often have a config.json as well."""
    if not (folder / "config.json").is_file():
        return False
    return not list(ggufs) or any(file.suffix == ".safetensors" for file in files_in(folder))


def _files_below(folder: Path) -> list[str]:
    """Files in the folder and in its subfolders, where large split models are."""
    files = chain(files_in(folder), chain.from_iterable(map(files_in, folders_in(folder))))
    return [str(file.relative_to(folder)) for file in files]


def _in_ollama(name: str, places: Places) -> Path:
    wanted = full_name(name)
    for found in chain.from_iterable(map(ollama_models, places.ollama)):
        if found.name == wanted:
            if found.problem:
                raise CheckpointError(found.problem)
            return found.path
    raise ModelNotFoundError(name, f"Ollama has no model {wanted.removeprefix(PREFIX)}. `llm-tui models` lists them.")


def _of_the_hub(name: HubName, places: Places, given: str) -> Path:
    """Look where models of the Hub are, the downloads first. ``given``: as the user calls it."""
    for whole, folders in _folders_of(name, places):
        ggufs = gguf_models(str(folder / file) for folder in folders for file in _files_below(folder))
        if not name.selector and _is_model_directory(whole, ggufs.values()):
            return whole
        if selector := select(ggufs, name.selector):
            found = _gguf(str(name), "", whole, ggufs[selector])
            if found.problem:
                raise CheckpointError(found.problem)
            return found.path
        if ggufs and not name.selector:
            raise CheckpointError(f"There are several models of {name}; choose one: {', '.join(sorted(ggufs))}.")
    raise ModelNotFoundError(
        given, f"{given} is neither a directory nor a model that is here. `llm-tui pull {given}` downloads it."
    )


def _folders_of(name: HubName, places: Places) -> Iterator[tuple[Path, list[Path]]]:
    """Where a repository may be: the directory of the whole, and all that have GGUF files of it."""
    download = places.downloads / HubName(name.repository, name.revision).folder
    siblings = [folder for folder in folders_in(download.parent) if folder.name.startswith(f"{download.name}:")]
    yield download, [download, *siblings]
    if snapshot := hub_cache.snapshot(places.hub_cache, name.repository, name.revision):
        yield snapshot, [snapshot]
    if not name.revision:
        for root in places.lm_studio:
            yield root / name.repository, [root / name.repository]
