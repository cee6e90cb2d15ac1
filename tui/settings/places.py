"""Where the program keeps what it writes, on each system."""

from pathlib import Path

import platformdirs

NAME = "llm-tui"


def sessions_file() -> Path:
    """The database of a person's sessions."""
    return platformdirs.user_data_path(NAME, appauthor=False) / "sessions.db"


def snapshots_directory() -> Path:
    """The sessions' cache snapshots, which can be computed again."""
    return platformdirs.user_cache_path(NAME, appauthor=False) / "snapshots"


def config_directory() -> Path:
    """Where a person's own settings and themes are."""
    return platformdirs.user_config_path(NAME, appauthor=False)


def config_file() -> Path:
    """A person's settings."""
    return config_directory() / "config.toml"


def user_themes_directory() -> Path:
    """A person's own themes."""
    return config_directory() / "themes"
