"""The Hugging Face cache: snapshots of repositories, whose files are links to blobs."""

import contextlib
from pathlib import Path

from inference.checkpoint.safetensors_weights import INDEX, SINGLE, read_index
from inference.errors import CheckpointError
from inference.sources.folders import files_in, folders_in
from inference.sources.gguf_names import gguf_models
from inference.sources.hub_name import DEFAULT_REVISION
from inference.system.regular_file import read_bytes

MAX_REF_BYTES = 1000
_PREFIX = "models--"


def repositories(cache: Path) -> list[tuple[str, Path]]:
    """All repositories of models, by name."""
    folders = [folder for folder in folders_in(cache) if folder.name.startswith(_PREFIX)]
    return [(folder.name.removeprefix(_PREFIX).replace("--", "/"), folder) for folder in folders]


def snapshot(cache: Path, repository: str, revision: str = "") -> Path | None:
    """The snapshot of the revision. Without one, that of the default branch or the newest, of these a whole one."""
    folder = cache / f"{_PREFIX}{repository.replace('/', '--')}"
    commit = revision
    with contextlib.suppress(OSError, UnicodeDecodeError, CheckpointError):
        commit = read_bytes(folder / "refs" / (revision or DEFAULT_REVISION), MAX_REF_BYTES).decode().strip()
    referred = folder / "snapshots" / commit if commit and Path(commit).name == commit else None
    if referred is not None and not referred.is_dir():
        referred = None
    if revision:
        return referred
    snapshots = sorted(folders_in(folder / "snapshots"), key=lambda path: (path == referred, path.stat().st_mtime))
    if len(snapshots) < 2:
        return snapshots[0] if snapshots else None
    return next((path for path in reversed(snapshots) if _is_whole(path)), snapshots[-1])


def _is_whole(snapshot: Path) -> bool:
    """True if no file of the weights is missing: an interrupted download leaves a snapshot with the small files."""
    if any(
        len(model.parts) == model.expected for model in gguf_models(file.name for file in files_in(snapshot)).values()
    ):
        return True
    if (snapshot / SINGLE).is_file():
        return (snapshot / "config.json").is_file()
    try:
        files = set(read_index(snapshot).values()) if (snapshot / INDEX).is_file() else set()
    except CheckpointError:
        return False
    return bool(files) and all((snapshot / file).is_file() for file in files)
