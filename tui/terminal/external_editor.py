"""The user's own editor, for a text of the program or a file."""

import contextlib
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from textual.app import App, SuspendNotSupported

from tui.process.in_thread import in_thread
from tui.terminal.sanitize import one_line
from tui.terminal.typed_text import normalized

NOT_FOUND = "Editor {!r} not found. Set $EDITOR."
# Those that take +LINE before a file; others are given the file alone.
_TAKE_LINES = """vi vim nvim view gvim nano pico rnano emacs emacsclient kak micro joe jmacs jed ne mg zile mcedit less
    most editor sensible-editor"""
TAKE_LINES = frozenset(_TAKE_LINES.split())

T = TypeVar("T")


class EditorError(Exception):
    """The editor failed; the message is user-facing."""


async def edit_text(app: App[None], text: str) -> str:
    """Edit the text in $VISUAL or $EDITOR; replies continue meanwhile. Raises EditorError."""
    named, command = _command()
    edited = await _outside(app, partial(_edit, named, command, text))
    with contextlib.suppress(UnicodeDecodeError):
        return normalized(edited.decode("utf-8")).removesuffix("\n")
    raise EditorError(f"{command[0]} did not save UTF-8 text. The text is unchanged.")


async def open_file(app: App[None], file: Path, line: int) -> None:
    """Open a file at a line, where the editor takes one. Raises EditorError."""
    named, command = _command()
    await _outside(app, partial(_open, named, command, file, line))


def _command() -> tuple[str, list[str]]:
    """The editor as it is named, and its command."""
    named = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        command = shlex.split(named)
    except ValueError:  # a quotation mark without the other
        command = named.split()
    if not command:
        raise EditorError(NOT_FOUND.format(named))
    return named, command


async def _outside(app: App[None], run: Callable[[], T | EditorError]) -> T:
    """Run in a thread while the app is suspended, and raise what failed once it is resumed."""
    try:
        with app.suspend(), app.batch_update():  # before anything is waited for: what is typed next is the editor's
            result = await in_thread(run)
    except SuspendNotSupported:
        raise EditorError("This terminal does not support external editors.") from None
    if isinstance(result, EditorError):
        raise result
    return result


def _open(named: str, command: list[str], file: Path, line: int) -> EditorError | None:
    if shutil.which(command[0]) is None:
        return EditorError(NOT_FOUND.format(named))
    if not file.is_absolute() or not file.is_file():  # in an imported session, a path can be anything
        return EditorError(f"{one_line(str(file))} is not there any more.")
    place = [f"+{line}"] if Path(command[0]).name in TAKE_LINES else []
    try:
        code = subprocess.run([*command, *place, str(file)], check=False).returncode
    except OSError as error:
        return EditorError(f"Cannot start {command[0]}: {error.strerror}.")
    return EditorError(f"{command[0]} failed (exit code {code}).") if code else None


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
