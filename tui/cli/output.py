"""The one door through which commands write: made safe where a terminal shows it, as it is where a pipe takes it."""

import io
import shutil
import sys
from collections.abc import Callable

import click

from tui.terminal.sanitize import one_line, sanitize


class SafeStream(io.TextIOWrapper):
    """Standard output or error where that is a terminal: whoever writes there, nothing but text comes out."""

    def write(self, text: str, /) -> int:
        return super().write(sanitize(text))

    def overwrite(self, line: str) -> None:
        """Show this in place of what stands in the line of the cursor."""
        super().write(f"\r\x1b[K{line}")
        self.flush()


def guard() -> None:
    """From here on everything that is printed for a terminal goes through the door: click's words and Python's too."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and stream.isatty():
            file = open(stream.fileno(), "wb", closefd=False)  # noqa: SIM115  it stays open to the end
            setattr(sys, name, SafeStream(file, stream.encoding, "backslashreplace", line_buffering=True))


def writer() -> Callable[[str], None]:
    """Writes to standard output at once."""
    if sys.stdout is None:
        raise click.ClickException("There is no standard output to write to.")
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]

    def write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    return write


def write_bytes(data: bytes) -> None:
    """To standard output as it is; for pipes."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def tell(sentence: object) -> None:
    """Say something to the person: a line on standard error, if there is one."""
    if sys.stderr is not None:
        print(sentence, file=sys.stderr, flush=True)


def show_progress(line: str) -> None:
    """On the last line of a terminal's standard error, in place of what stood there; elsewhere nothing."""
    if isinstance(sys.stderr, SafeStream):
        sys.stderr.overwrite(one_line(line)[: shutil.get_terminal_size().columns - 1])
