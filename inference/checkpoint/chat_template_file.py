"""``chat_template.jinja`` beside a model: it outranks the template that is part of another file."""

from pathlib import Path

from inference.errors import CheckpointError
from inference.system.regular_file import read_bytes

NAME = "chat_template.jinja"
MAX_TEMPLATE_BYTES = 4_000_000


def read_chat_template(directory: Path) -> str | None:
    """Return the template, or None if there is no such file. Raises CheckpointError if it is not readable."""
    file = directory / NAME
    if not file.exists():
        return None
    try:
        return read_bytes(file, MAX_TEMPLATE_BYTES).decode("utf-8")
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{file} is not readable as text ({error}).") from None
