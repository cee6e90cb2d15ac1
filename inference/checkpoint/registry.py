"""Finding models by name: a directory, one that is shipped with the program, or one in the Hugging Face cache."""

import re
from pathlib import Path

from inference.errors import CheckpointError

HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def find_model(name: str, shipped: Path) -> Path:
    """The directory of the model called ``name``; ``shipped`` holds the built-in ones.

    Raises CheckpointError, saying where was looked, if there is none.
    """
    directory = Path(name).expanduser()
    if directory.is_dir():
        return directory
    if (shipped / name / "config.json").is_file() and Path(name).name == name:
        return shipped / name
    if HUB_NAME.fullmatch(name):
        cached = _in_hub_cache(name)
        if cached is not None:
            return cached
        raise CheckpointError(f"{name} is neither a directory here nor a model in the Hugging Face cache.")
    raise CheckpointError(f"{name} is not a directory; give the folder that holds the model's config.json.")


def _in_hub_cache(name: str) -> Path | None:
    # Imported late: it takes a tenth of a second that only this case should pay.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, OSError):
        return None
