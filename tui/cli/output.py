"""What commands write, on a terminal and to a pipe."""

import sys
from collections.abc import Callable

import click


def writer() -> Callable[[str], None]:
    """Writes to standard output at once: made safe for a terminal, as it is for a pipe."""
    from tui.terminal.sanitize import sanitize

    if sys.stdout is None:
        raise click.ClickException("There is no standard output to write to.")
    safe = sanitize if sys.stdout.isatty() else str
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]

    def write(text: str) -> None:
        sys.stdout.write(safe(text))
        sys.stdout.flush()

    return write
