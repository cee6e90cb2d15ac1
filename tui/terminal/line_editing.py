"""Line editing of plain mode: what is typed is shown at the prompt, but not within a reply."""

import contextlib
import sys
import termios
from collections.abc import Iterator


@contextlib.contextmanager
def edited_lines() -> Iterator[None]:
    """Let readline edit the lines that ``read_line`` reads, where it can.

    What is typed during a reply is neither shown within it nor collected to lines by the terminal, which would turn an
    early Ctrl+D into a character.
    """
    try:
        import readline  # noqa: F401
    except ImportError:
        editable = False
    else:
        editable = sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()
    with _local_modes(off=termios.ICANON | termios.ECHO, on=termios.NOFLSH) if editable else contextlib.nullcontext():
        yield


def read_line(prompt: str) -> str:
    """As ``input``, which shows what is typed only if the terminal would."""
    with _local_modes(on=termios.ECHO):
        return input(prompt)


@contextlib.contextmanager
def _local_modes(off: int = 0, on: int = 0) -> Iterator[None]:
    """Change the terminal's local modes; nothing if standard input is not a terminal."""
    before = None
    with contextlib.suppress(TypeError, OSError, ValueError, termios.error):  # closed, or not a terminal
        before = termios.tcgetattr(sys.stdin)
        changed = before.copy()
        changed[3] = changed[3] & ~off | on
        termios.tcsetattr(sys.stdin, termios.TCSANOW, changed)
    try:
        yield
    finally:
        if before is not None:
            with contextlib.suppress(termios.error):  # hung up
                termios.tcsetattr(sys.stdin, termios.TCSANOW, before)
