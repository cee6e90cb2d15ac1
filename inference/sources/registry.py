"""Finding models: a directory, one shipped with the program, a download, or one in the Hugging Face cache."""

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from inference.errors import CheckpointError, ModelNotFoundError
from inference.system.regular_file import read_bytes

# ORG/NAME or ORG/NAME@REVISION; nothing in it leads out of a directory.
HUB_NAME = re.compile(r"(?!.*\.\.)\w[\w.-]*/\w[\w.-]*(@\w[\w./-]*)?", re.ASCII)
# Among the downloads, and apart from them: those that are not complete.
UNFINISHED = ".unfinished"
MAX_REF_BYTES = 1000


@dataclass(frozen=True)
class Places:
    """Where models are.

    ``shipped`` holds the built-in ones. ``directories`` are the person's: models, or folders that hold models.
    ``downloads`` is where ``hub.pull`` puts them as ORG/NAME. ``hub_cache`` is Hugging Face's, which others fill.
    """

    shipped: Path
    directories: tuple[Path, ...]
    downloads: Path
    hub_cache: Path


@dataclass(frozen=True)
class Found:
    """``name`` is what ``find_model`` takes; ``source`` is built-in, directory, download, unfinished or hub-cache."""

    name: str
    source: str
    path: Path


def default_hub_cache() -> Path:
    """The Hugging Face cache as the environment sets it (HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME)."""
    # Imported late: only those who look there pay for it.
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def find_model(name: str, places: Places) -> Path:
    """The directory of the model called ``name``: a built-in name, a path, ORG/NAME or ORG/NAME@REVISION.

    Raises ModelNotFoundError if there is none.
    """
    if (places.shipped / name / "config.json").is_file() and Path(name).name == name:
        return places.shipped / name  # whatever the current directory holds: ./NAME is the one in there
    directory = expanded(name)
    try:
        if directory.is_dir():
            return directory
    except OSError as error:
        raise CheckpointError(f"{name[:200]} cannot be looked at: {error.strerror}.") from None
    if HUB_NAME.fullmatch(name):
        for found in (places.downloads / folder_name(name), _in_hub_cache(places.hub_cache, name)):
            if found is not None and (found / "config.json").is_file():
                return found
        raise ModelNotFoundError(
            name,
            f"{name} is neither a directory here, nor a download, nor a model in the Hugging Face cache; "
            f"`llm-tui pull {name}` downloads it.",
        )
    raise ModelNotFoundError(name, f"{name} is not a directory; give the folder that holds the model's config.json.")


def find_models(places: Places) -> Iterator[Found]:
    """Every model in its place, whole or not, by source and name. Nothing of a model is opened."""
    for path in _folders(places.shipped):
        if (path / "config.json").is_file():
            yield Found(path.name, "built-in", path)
    for directory in places.directories:
        inside = [directory] if (directory / "config.json").is_file() else _folders(directory)
        for path in inside:
            if (path / "config.json").is_file():
                yield Found(str(path), "directory", path)
    for source, root in (("download", places.downloads), ("unfinished", places.downloads / UNFINISHED)):
        for organisation in _folders(root):
            for path in _folders(organisation):
                yield Found(f"{organisation.name}/{path.name.replace('--', '/')}", source, path)
    for repository in _folders(places.hub_cache):
        if repository.name.startswith("models--"):
            name = repository.name.removeprefix("models--").replace("--", "/")
            yield Found(name, "hub-cache", _in_hub_cache(places.hub_cache, name) or repository)


def expanded(name: str | Path) -> Path:
    """With the home directory for ``~``; the name of a person who is not known here stays as it is."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


def folder_name(name: str) -> str:
    """ORG/NAME or ORG/NAME@REVISION as the path of a folder among the downloads."""
    repository, at, revision = name.partition("@")
    return repository + at + revision.replace("/", "--")


def _in_hub_cache(cache: Path, name: str) -> Path | None:
    """The snapshot of a revision; of none given the default branch's, else the one that came last."""
    repository, _, revision = name.partition("@")
    folder = cache / f"models--{repository.replace('/', '--')}"
    commit = revision
    with contextlib.suppress(OSError, UnicodeDecodeError, CheckpointError):
        commit = read_bytes(folder / "refs" / (revision or "main"), MAX_REF_BYTES).decode().strip()
    if commit and Path(commit).name == commit and (folder / "snapshots" / commit).is_dir():
        return folder / "snapshots" / commit
    snapshots = [] if revision else _folders(folder / "snapshots")
    return max(snapshots, key=lambda path: path.stat().st_mtime, default=None)


def _folders(directory: Path) -> list[Path]:
    """The visible directories in ``directory``, by name; none where there is nothing to read."""
    folders = []
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):  # a link that leads to itself hides nothing but itself
                if entry.is_dir() and not entry.name.startswith("."):
                    folders.append(Path(entry.path))
    return sorted(folders)
