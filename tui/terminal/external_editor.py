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

NOT_FOUND = "Editor {!r} not found. Set $EDITOR."


class EditorError(Exception):
    """The editor failed; the message is user-facing."""


async def edit_text(app: App[None], text: str) -> str:
    """Edit the text in $VISUAL or $EDITOR; replies continue meanwhile. Raises EditorError."""
    named = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        command = shlex.split(named)
    except ValueError:  # a quotation mark without the other
        command = named.split()
    if not command:
        raise EditorError(NOT_FOUND.format(named))
    try:
        with app.suspend(), app.batch_update():  # before anything is waited for: what is typed next is the editor's
            edited = await in_thread(_edit, named, command, text)
    except SuspendNotSupported:
        raise EditorError("This terminal does not support external editors.") from None
    if isinstance(edited, EditorError):
        raise edited
    with contextlib.suppress(UnicodeDecodeError):
        return normalized(edited.decode("utf-8")).removesuffix("\n")
    raise EditorError(f"{command[0]} did not save UTF-8 text. The text is unchanged.")


def _edit(named: str, command: list[str], text: str) -> bytes | EditorError:
    """Run the editor on a file with the text. Return the file's bytes, or what failed: the app must be resumed first.

    Blocking: not for the UI thread.
    """
    if shutil.which(command[0]) is None:
        return EditorError(NOT_FOUND.format(named))
    try:
        with tempfile.TemporaryDirectory(prefix="llm-tui-") as directory:
            file = Path(directory) / "message.md"
            file.write_text(text, encoding="utf-8", errors="replace")
            try:
                code = subprocess.run([*command, str(file)], check=False).returncode
            except OSError as error:
                return EditorError(f"Cannot start {command[0]}: {error.strerror}.")
            if code:
                return EditorError(f"{command[0]} failed (exit code {code}). The text is unchanged.")
            return file.read_bytes()
    except OSError as error:
        return EditorError(f"Cannot pass the text to {command[0]}: {error.strerror or error}.")
