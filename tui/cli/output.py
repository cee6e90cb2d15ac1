"""Output of commands: sanitised on a terminal, verbatim in a pipe."""

import io
import shutil
import sys
from collections.abc import Callable

import click

from tui.terminal.sanitize import one_line, sanitize


class SafeStream(io.TextIOWrapper):
    """Standard output or error on a terminal; strips control sequences."""

    def write(self, text: str, /) -> int:
        return super().write(sanitize(text))

    def overwrite(self, line: str) -> None:
        """Replace the cursor's line."""
        super().write(f"\r\x1b[K{line}")
        self.flush()


def guard() -> None:
    """Sanitise everything printed to a terminal from now on, including click's and Python's own output."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and stream.isatty():
            file = open(stream.fileno(), "wb", closefd=False)  # noqa: SIM115  open until exit
            setattr(sys, name, SafeStream(file, stream.encoding, "backslashreplace", line_buffering=True))


def writer() -> Callable[[str], None]:
    """An unbuffered writer to standard output."""
    if sys.stdout is None:
        raise click.ClickException("Standard output is closed.")
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]

    def write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    return write


def write_bytes(data: bytes) -> None:
    """Write bytes verbatim to standard output."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def tell(sentence: object) -> None:
    """Print a line to standard error, if it is open."""
    if sys.stderr is not None:
        print(sentence, file=sys.stderr, flush=True)


def show_progress(line: str) -> None:
    """Replace the last line of a terminal's standard error; nothing if it is not a terminal."""
    if isinstance(sys.stderr, SafeStream):
        sys.stderr.overwrite(one_line(line)[: shutil.get_terminal_size().columns - 1])
