"""The directories that are searched for models, and where other programs keep theirs."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from inference.errors import CheckpointError
from inference.system.regular_file import read_bytes

# The models of Ollama's system service on Linux.
SYSTEM_OLLAMA = Path("/usr/share/ollama/.ollama/models")
MAX_POINTER_BYTES = 10_000


@dataclass(frozen=True)
class Places:
    """Directories that are searched for models.

    ``shipped``: the built-in models. ``directories``: the user's; each is a model or contains models. ``downloads``:
    models downloaded by ``hub.pull``, as ORG/NAME. The others are filled by other programs: ``hub_cache`` by
    huggingface_hub, ``ollama`` by Ollama (each a store of manifests and blobs), ``lm_studio`` by LM Studio, as
    ORG/NAME/FILE.gguf.
    """

    shipped: Path
    directories: tuple[Path, ...]
    downloads: Path
    hub_cache: Path
    ollama: tuple[Path, ...] = ()
    lm_studio: tuple[Path, ...] = ()


def default_hub_cache() -> Path:
    """The Hugging Face cache as the environment sets it (HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME)."""
    # A slow import, needed only here.
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def default_ollama() -> tuple[Path, ...]:
    """Ollama's stores: the one that OLLAMA_MODELS names, else the user's and that of the system's service."""
    if given := os.environ.get("OLLAMA_MODELS"):
        return (expanded(given),)
    return (expanded("~/.ollama/models"), SYSTEM_OLLAMA)


def default_lm_studio() -> tuple[Path, ...]:
    """The folders of LM Studio, which notes in a file where its home is."""
    homes = [expanded("~/.lmstudio"), expanded("~/.cache/lm-studio")]
    with contextlib.suppress(OSError, UnicodeDecodeError, CheckpointError):
        pointer = read_bytes(expanded("~/.lmstudio-home-pointer"), MAX_POINTER_BYTES).decode().strip()
        if Path(pointer).is_absolute():
            homes.insert(0, Path(pointer))
    return tuple(dict.fromkeys(home / "models" for home in homes))


def expanded(name: str | Path) -> Path:
    """Expand ``~``; the name of an unknown user is left unchanged."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


def lasting(path: Path) -> Path:
    """The absolute path of a model. A GGUF file in the Hugging Face cache is a link, whose own name counts."""
    return path.resolve() if path.is_dir() else path.parent.resolve() / path.name
