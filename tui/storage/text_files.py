"""Text files that the user names."""

import os
from itertools import islice
from pathlib import Path

from tui.terminal.typed_text import normalized

LARGEST = 2**20
# Maximum entries of a directory that are looked through.
LOOKED_THROUGH = 10_000


class TextFileError(Exception):
    """A file that cannot be read or written; the message is user-facing."""


def read_text(name: str) -> str:
    """Read a text file of at most 1 MB. Raises TextFileError."""
    path = Path(name).expanduser()
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):  # a pipe or device may be endless
            raise TextFileError(f"{path} is not a file.")
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise TextFileError(f"{path} is larger than 1 MB.")
        return normalized(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise TextFileError(f"{path} is not UTF-8 text.") from None
    except (OSError, ValueError, RuntimeError) as error:
        raise TextFileError(f"Cannot read {path}: {getattr(error, 'strerror', None) or error}.") from None


def save_text(name: str, text: str) -> Path:
    """Write a new file, and return its absolute path; existing ones are not overwritten. Raises TextFileError."""
    path = Path(name).expanduser()
    try:
        with path.open("x", encoding="utf-8", errors="replace") as file:
            file.write(text if text.endswith("\n") else text + "\n")
    except FileExistsError:
        raise TextFileError(f"{path} already exists. Choose another name.") from None
    except (OSError, ValueError, RuntimeError) as error:
        raise TextFileError(f"Cannot write {path}: {getattr(error, 'strerror', None) or error}.") from None
    return path.absolute()


def list_names(directory: str) -> list[str]:
    """Names in a directory (empty: the working directory), those of directories with a slash; none if unreadable.

    Names that cannot be typed on one line are left out.
    """
    try:
        with os.scandir(Path(directory).expanduser()) as entries:
            names = [entry.name + "/" * entry.is_dir() for entry in islice(entries, LOOKED_THROUGH)]
    except (OSError, ValueError, RuntimeError):
        return []
    return sorted((name for name in names if name.isprintable() and name == name.strip()), key=str.casefold)
