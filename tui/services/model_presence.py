"""Whether a model is on this machine."""

from pathlib import Path

from tui.config.paths import model_places


def has_model(directories: tuple[Path, ...], name: str) -> bool:
    """True if a model of this name can be loaded. Looks at the disk: not for the interface's thread."""
    from inference.errors import InferenceError
    from inference.sources.registry import find_model

    try:
        path = find_model(name, model_places(directories)) if name else None
        return path is not None and (path.is_file() or (path / "config.json").is_file())
    except (InferenceError, OSError, ValueError):
        return False
