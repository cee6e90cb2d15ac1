"""Export of sessions to Markdown, HTML, JSON and JSON lines."""

import os
from pathlib import Path

from inference.system.atomic_write import atomic_write
from tui.conversation.conversation import Conversation
from tui.import_export import fine_tuning, html, markdown, native_json
from tui.import_export.target import free_path
from tui.storage.errors import StoreError

WRITERS = {"md": markdown.write, "html": html.write, "json": native_json.write, "jsonl": fine_tuning.write}


def export_file(conversation: Conversation, kind: str, file: Path, overwrite: bool) -> None:
    """Atomically write the conversation in the format ``kind``. Symbolic links are not followed.

    Raises StoreError if the file cannot be written, or exists and ``overwrite`` is False.
    """
    content = WRITERS[kind](conversation).encode()
    try:
        if not overwrite:
            os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            with atomic_write(file) as partial:
                partial.write_bytes(content)
        except BaseException:
            if not overwrite:
                file.unlink(missing_ok=True)
            raise
    except FileExistsError:
        raise StoreError(f"{file} already exists. Use --force to overwrite it.") from None
    except OSError as error:
        raise StoreError(f"Cannot write {file} ({error.strerror}).") from None


def export_to(conversation: Conversation, kind: str, file: str) -> Path:
    """Write to ``file``, which may be a directory or empty, and return its path. Raises StoreError."""
    path = free_path(file, conversation.shown_title, kind)
    export_file(conversation, kind, path, overwrite=False)
    return path.absolute()
