"""Per-platform paths of data, cache, configuration and logs."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

if TYPE_CHECKING:
    from inference.sources.places import Places

NAME = "llm-tui"


def shipped(name: str) -> Path:
    """The directory ``models`` or ``themes``: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "share" / name
    return installed if installed.is_dir() else package.parent / name


def sessions_file() -> Path:
    """The user's session database."""
    return platformdirs.user_data_path(NAME, appauthor=False) / "sessions.db"


def documents_file(sessions: Path) -> Path:
    """The index of documents, beside the session database."""
    return sessions.with_name("documents.db")


def downloads_directory() -> Path:
    """Models downloaded by `llm-tui pull`."""
    return platformdirs.user_data_path(NAME, appauthor=False) / "models"


def model_places(directories: Iterable[Path] = ()) -> "Places":
    """Search paths for models; ``directories``: the user's own."""
    from inference.sources.places import Places, default_hub_cache, default_lm_studio, default_ollama

    shipped_models, downloads = shipped("models"), downloads_directory()
    others = (default_hub_cache(), default_ollama(), default_lm_studio())
    return Places(shipped_models, tuple(directories), downloads, *others)


def cache_directory() -> Path:
    """Compiled kernels, packed weights and cache snapshots; safe to delete."""
    return platformdirs.user_cache_path(NAME, appauthor=False)


def snapshots_directory() -> Path:
    """KV cache snapshots of sessions."""
    return cache_directory() / "snapshots"


def config_directory() -> Path:
    """The user's settings and themes."""
    return platformdirs.user_config_path(NAME, appauthor=False)


def config_file() -> Path:
    """The user's settings."""
    return config_directory() / "config.toml"


def user_themes_directory() -> Path:
    """The user's themes."""
    return config_directory() / "themes"
