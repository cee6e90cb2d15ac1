"""The user's own editor, for a text of the program."""

import contextlib
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from textual.app import App, SuspendNotSupported

from tui.process.in_thread import in_thread
from tui.terminal.typed_text import normalized


class EditorError(Exception):
    """The editor failed; the message is user-facing."""


async def edit_text(app: App[None], text: str) -> str:
    """Edit the text in $VISUAL or $EDITOR; replies continue meanwhile. Raises EditorError."""
    named = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        command = shlex.split(named)
    except ValueError:  # a quotation mark without the other
        command = named.split()
    if not command or shutil.which(command[0]) is None:
        raise EditorError(f"Editor {named!r} not found. Set $EDITOR.")
    try:
        with tempfile.TemporaryDirectory(prefix="llm-tui-") as directory:
            return await _edit_in(app, command, Path(directory) / "message.md", text)
    except OSError as error:
        raise EditorError(f"Cannot pass the text to {command[0]}: {error.strerror or error}.") from None


async def _edit_in(app: App[None], command: list[str], file: Path, text: str) -> str:
    file.write_text(text, encoding="utf-8", errors="replace")
    try:
        with app.suspend(), app.batch_update():
            done = await in_thread(subprocess.run, [*command, str(file)], check=False)
    except SuspendNotSupported:
        raise EditorError("This terminal does not support external editors.") from None
    except OSError as error:
        raise EditorError(f"Cannot start {command[0]}: {error.strerror}.") from None
    if done.returncode:
        raise EditorError(f"{command[0]} failed (exit code {done.returncode}). The text is unchanged.")
    with contextlib.suppress(UnicodeDecodeError):
        return normalized(file.read_bytes().decode("utf-8")).removesuffix("\n")
    raise EditorError(f"{command[0]} did not save UTF-8 text. The text is unchanged.")
