"""Where an export goes: what the user types becomes a format and a file."""

from pathlib import Path

from tui.import_export import FORMATS
from tui.storage.errors import StoreError

LONGEST = 60  # characters of a file name made of a title


def target(what: str) -> tuple[str, str]:
    """Format and file of ``FORMAT``, ``FORMAT FILE`` or ``FILE``, whose suffix is a format; the file may be empty.

    Raises StoreError without a format.
    """
    kind, _, file = what.partition(" ")
    if kind not in FORMATS:
        kind, file = Path(what).suffix.removeprefix("."), what
    if kind not in FORMATS:
        raise StoreError(f"Formats: {', '.join(FORMATS)}. Example: /export md notes.md")
    return kind, file.strip()


def free_path(file: str, title: str, kind: str) -> Path:
    """The file; without a name, or in a directory, one by the title that is not there yet. Raises StoreError."""
    try:
        path = Path(file).expanduser()
    except RuntimeError as error:
        raise StoreError(f"Cannot write {file} ({error}).") from None
    if path.is_dir():
        directory, number = path, 1
        path = directory / f"{file_name(title)}.{kind}"
        while path.exists():
            number += 1
            path = directory / f"{file_name(title)}-{number}.{kind}"
    elif path.exists():
        raise StoreError(f"{path} already exists. Choose another name.")
    return path


def file_name(title: str) -> str:
    """The title as a file name, without a suffix."""
    words = "".join(char if char.isalnum() or char in " -_" else " " for char in title).split()
    return "-".join(words)[:LONGEST].strip("-") or "session"
