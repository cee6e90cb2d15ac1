"""Directory listings of bounded length that never fail."""

import contextlib
import os
from collections.abc import Callable
from itertools import islice
from pathlib import Path

# Entries of one directory that are looked at.
LONGEST = 10_000


def folders_in(directory: Path) -> list[Path]:
    """The visible subdirectories, sorted; empty if ``directory`` cannot be read."""
    return _entries(directory, os.DirEntry.is_dir)


def files_in(directory: Path) -> list[Path]:
    """The visible files, sorted; empty if ``directory`` cannot be read."""
    return _entries(directory, os.DirEntry.is_file)


def _entries(directory: Path, wanted: "Callable[[os.DirEntry[str]], bool]") -> list[Path]:
    paths = []
    with contextlib.suppress(OSError, ValueError), os.scandir(directory) as entries:
        for entry in islice(entries, LONGEST):
            with contextlib.suppress(OSError):  # skip links that point to themselves
                if not entry.name.startswith(".") and wanted(entry):
                    paths.append(Path(entry.path))
    return sorted(paths)
