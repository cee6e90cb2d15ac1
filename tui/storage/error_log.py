"""Mistakes of the program itself are written down here, for who reports them, and never on the screen.

What is written is where it happened, without the values of variables: no message, no secret but what an error's own
sentence may quote, and of that the beginning.
"""

import contextlib
import os
import platform
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from tui.storage.private_files import private_directory, private_file

LARGEST = 2**18  # bytes of the log, and of the one before it that is kept
ENTRY, LINE = 2**14, 300  # characters of one entry and of each of its lines
_writing = threading.Lock()


def error_log_file() -> Path:
    """The log, in the user's state directory."""
    return platformdirs.user_state_path("llm-tui", appauthor=False) / "errors.log"


def told(error: BaseException) -> str:
    """Write the mistake down; the sentence for the person."""
    if isinstance(error, MemoryError):
        return "There is not enough memory for this: close other programs, or raise the limit (`ulimit -v`)."
    file = write_down(error)
    where = f"the details are in {file}" if file else "and the details could not be written down"
    return f"llm-tui ended by a mistake of its own ({type(error).__name__}); {where}."


def write_down(error: BaseException) -> Path | None:
    """Append it to the log; None where there is no place for it. Never raises."""
    try:
        file = error_log_file()
        entry = _entry(error)
        with _writing:
            private_directory(file.parent)
            with contextlib.suppress(FileNotFoundError):
                if file.stat().st_size > LARGEST:
                    file.replace(file.with_suffix(".old.log"))
            descriptor = private_file(file)
            try:
                os.lseek(descriptor, 0, os.SEEK_END)
                os.write(descriptor, entry.encode("utf-8", "replace"))
            finally:
                os.close(descriptor)
    except Exception:
        return None
    return file


@contextlib.contextmanager
def noted() -> Iterator[None]:
    """What goes wrong within is written down and holds up nothing that comes after."""
    try:
        yield
    except Exception as error:
        write_down(error)


def _entry(error: BaseException) -> str:
    """When, where, what: the end of a very long one is what tells most."""
    from importlib.metadata import version

    head = f"{time.strftime('%Y-%m-%d %H:%M:%S')} llm-tui {version('llm-tui')}, Python {platform.python_version()}\n"
    lines = "".join(traceback.format_exception(error, limit=-50)).splitlines()
    return head + "\n".join(line[:LINE] for line in lines)[-ENTRY:] + "\n\n"
