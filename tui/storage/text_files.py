"""Files and programs outside: text that is read, saved, or written in the person's own editor."""

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

LARGEST = 2**20


class OutsideError(Exception):
    """A failed read, write or editor; the message is user-facing."""


def read_text(name: str) -> str:
    """Read a text file of at most 1 MB. Raises OutsideError."""
    path = Path(name).expanduser()
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):  # a pipe or device may be endless
            raise OutsideError(f"{path} is not a file.")
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise OutsideError(f"{path} is larger than 1 MB.")
        return normalized(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise OutsideError(f"{path} is not UTF-8 text.") from None
    except (OSError, ValueError, RuntimeError) as error:
        raise OutsideError(f"Cannot read {path}: {getattr(error, 'strerror', None) or error}.") from None


def save_text(name: str, text: str) -> Path:
    """Write a new file; existing ones are not overwritten. Raises OutsideError."""
    path = Path(name).expanduser()
    try:
        with path.open("x", encoding="utf-8", errors="replace") as file:
            file.write(text if text.endswith("\n") else text + "\n")
    except FileExistsError:
        raise OutsideError(f"{path} already exists. Choose another name.") from None
    except (OSError, ValueError, RuntimeError) as error:
        raise OutsideError(f"Cannot write {path}: {getattr(error, 'strerror', None) or error}.") from None
    return path


async def edit_text(app: App[None], text: str) -> str:
    """The text as the person's editor leaves it; meanwhile replies go on. Raises OutsideError."""
    named = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        command = shlex.split(named)
    except ValueError:  # a quotation mark without the other
        command = named.split()
    if not command or shutil.which(command[0]) is None:
        raise OutsideError(f"There is no editor {named!r} here; set $EDITOR.")
    try:
        with tempfile.TemporaryDirectory(prefix="llm-tui-") as directory:
            return await _edit_in(app, command, Path(directory) / "message.md", text)
    except OSError as error:
        raise OutsideError(f"The text cannot be handed to {command[0]}: {error.strerror or error}.") from None


async def _edit_in(app: App[None], command: list[str], file: Path, text: str) -> str:
    file.write_text(text, encoding="utf-8", errors="replace")
    try:
        with app.suspend(), app.batch_update():
            done = await in_thread(subprocess.run, [*command, str(file)], check=False)
    except SuspendNotSupported:
        raise OutsideError("This terminal cannot be lent to an editor.") from None
    except OSError as error:
        raise OutsideError(f"{command[0]} cannot be started: {error.strerror}.") from None
    if done.returncode:
        raise OutsideError(f"{command[0]} ended with exit code {done.returncode}; the text is as it was.")
    with contextlib.suppress(UnicodeDecodeError):
        return normalized(file.read_bytes().decode("utf-8")).removesuffix("\n")
    raise OutsideError(f"What {command[0]} has saved is not UTF-8 text; the text is as it was.")
