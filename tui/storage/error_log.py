"""Log of internal errors, for bug reports.

Entries are tracebacks without the values of variables; error messages, which may quote user data, are truncated.
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

LARGEST = 2**18  # bytes of the log before it is rotated
ENTRY, LINE = 2**14, 300  # characters per entry, and per line
_writing = threading.Lock()


def error_log_file() -> Path:
    """The log, in the user's state directory."""
    return platformdirs.user_state_path("llm-tui", appauthor=False) / "errors.log"


def told(error: BaseException) -> str:
    """Log the error and return the message to show."""
    if isinstance(error, MemoryError):
        return "Out of memory. Close other programs, or raise the limit (`ulimit -v`)."
    file = write_down(error)
    where = f"details are in {file}" if file else "the details could not be logged"
    return f"Internal error ({type(error).__name__}); {where}."


def write_down(error: BaseException) -> Path | None:
    """Append the error to the log; None if that fails. Never raises."""
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
    """Log exceptions instead of raising them."""
    try:
        yield
    except Exception as error:
        write_down(error)


def _entry(error: BaseException) -> str:
    """Time, versions and traceback; of a long one, the end."""
    from importlib.metadata import version

    head = f"{time.strftime('%Y-%m-%d %H:%M:%S')} llm-tui {version('llm-tui')}, Python {platform.python_version()}\n"
    lines = "".join(traceback.format_exception(error, limit=-50)).splitlines()
    return head + "\n".join(line[:LINE] for line in lines)[-ENTRY:] + "\n\n"
