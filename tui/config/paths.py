"""Where the program keeps what it writes, on each system."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from tui.config.resources import shipped

if TYPE_CHECKING:
    from inference.sources.registry import Places

NAME = "llm-tui"


def sessions_file() -> Path:
    """The database of a person's sessions."""
    return platformdirs.user_data_path(NAME, appauthor=False) / "sessions.db"


def downloads_directory() -> Path:
    """The models that `llm-tui pull` downloads."""
    return platformdirs.user_data_path(NAME, appauthor=False) / "models"


def model_places(directories: Iterable[Path] = ()) -> "Places":
    """Where models are looked for; ``directories`` are those that the person named."""
    from inference.sources.registry import Places, default_hub_cache

    return Places(shipped("models"), tuple(directories), downloads_directory(), default_hub_cache())


def cache_directory() -> Path:
    """What can be computed again: compiled kernels, packed weights, snapshots."""
    return platformdirs.user_cache_path(NAME, appauthor=False)


def snapshots_directory() -> Path:
    """The sessions' cache snapshots, which can be computed again."""
    return cache_directory() / "snapshots"


def config_directory() -> Path:
    """Where a person's own settings and themes are."""
    return platformdirs.user_config_path(NAME, appauthor=False)


def config_file() -> Path:
    """A person's settings."""
    return config_directory() / "config.toml"


def user_themes_directory() -> Path:
    """A person's own themes."""
    return config_directory() / "themes"
