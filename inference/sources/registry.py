"""Finds models: directories, built-in ones, downloads, and those in the Hugging Face cache."""

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from inference.errors import CheckpointError, ModelNotFoundError
from inference.system.regular_file import read_bytes

# ORG/NAME or ORG/NAME@REVISION, without path traversal.
HUB_NAME = re.compile(r"(?!.*\.\.)\w[\w.-]*/\w[\w.-]*(@\w[\w./-]*)?", re.ASCII)
# Subdirectory of the downloads for incomplete ones.
UNFINISHED = ".unfinished"
MAX_REF_BYTES = 1000


@dataclass(frozen=True)
class Places:
    """Directories that are searched for models.

    ``shipped``: the built-in models. ``directories``: the user's; each is a model or contains models. ``downloads``:
    models downloaded by ``hub.pull``, as ORG/NAME. ``hub_cache``: the Hugging Face cache, filled by other programs.
    """

    shipped: Path
    directories: tuple[Path, ...]
    downloads: Path
    hub_cache: Path


@dataclass(frozen=True)
class Found:
    """``name``: as ``find_model`` takes it. ``source``: built-in, directory, download, unfinished or hub-cache."""

    name: str
    source: str
    path: Path


def default_hub_cache() -> Path:
    """The Hugging Face cache as the environment sets it (HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME)."""
    # A slow import, needed only here.
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def find_model(name: str, places: Places) -> Path:
    """Return the directory of a model: ``name`` is a built-in one, a path, ORG/NAME or ORG/NAME@REVISION.

    Raises ModelNotFoundError if there is none.
    """
    if (places.shipped / name / "config.json").is_file() and Path(name).name == name:
        return places.shipped / name  # even if the current directory has one of that name: that is ./NAME
    directory = expanded(name)
    try:
        if directory.is_dir():
            return directory
    except OSError as error:
        raise CheckpointError(f"Cannot access {name[:200]}: {error.strerror}.") from None
    if HUB_NAME.fullmatch(name):
        for found in (places.downloads / folder_name(name), _in_hub_cache(places.hub_cache, name)):
            if found is not None and (found / "config.json").is_file():
                return found
        raise ModelNotFoundError(
            name,
            f"{name} is not a directory, a download or a model in the Hugging Face cache. "
            f"`llm-tui pull {name}` downloads it.",
        )
    raise ModelNotFoundError(name, f"{name} is not a directory. Pass the directory with the model's config.json.")


def find_models(places: Places) -> Iterator[Found]:
    """Yield all models, including incomplete ones, by source and name, without opening them."""
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
    """Expand ``~``; the name of an unknown user is left unchanged."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


def folder_name(name: str) -> str:
    """The path of ORG/NAME or ORG/NAME@REVISION below the downloads."""
    repository, at, revision = name.partition("@")
    return repository + at + revision.replace("/", "--")


def _in_hub_cache(cache: Path, name: str) -> Path | None:
    """The snapshot of the revision; without one, that of the default branch, else the newest."""
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
    """The visible subdirectories, sorted; empty if ``directory`` cannot be read."""
    folders = []
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):  # skip links that point to themselves
                if entry.is_dir() and not entry.name.startswith("."):
                    folders.append(Path(entry.path))
    return sorted(folders)
