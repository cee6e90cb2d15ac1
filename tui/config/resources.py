"""Paths of the bundled models and themes."""

from pathlib import Path


def shipped(name: str) -> Path:
    """The directory ``models`` or ``themes``: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "share" / name
    return installed if installed.is_dir() else package.parent / name
