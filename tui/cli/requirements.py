"""What has to be there for a command to work: where it is not, libraries would end the program in words of theirs."""

import locale
import os
import resource
import sys

import click

STARTING, COMPUTING = 150 * 2**20, 2**30  # bytes of address space, for Python's libraries and for compiled kernels


def require_room(size: int = COMPUTING) -> None:
    """Raises ClickException where the process may not have so much memory."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if 0 <= limit < size:
        raise click.ClickException(
            f"This process may have {limit // 2**20} MB of memory (`ulimit -v`) and needs {size // 2**20}: "
            "raise the limit."
        )


def require_terminal() -> None:
    """Raises UsageError where the app cannot be shown."""
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout)):
        raise click.UsageError("The app needs a terminal; in a pipe, use `llm-tui chat` or `llm-tui story`.")
    if os.environ.get("TERM") == "dumb":
        raise click.UsageError(
            "This terminal cannot move its cursor (TERM is dumb), which the app needs; "
            "use `llm-tui chat` or `llm-tui story` here."
        )
    if encoding := _other_encoding():
        raise click.UsageError(
            f"This terminal shows {encoding}, as its locale says, and the app needs UTF-8: set LC_ALL=C.UTF-8 if the "
            "terminal can, or use `llm-tui chat` or `llm-tui story`."
        )


def _other_encoding() -> str:
    """What the locale says that is not UTF-8; a terminal without a locale is taken for one that knows it."""
    name = os.environ.get("LC_ALL") or os.environ.get("LC_CTYPE") or os.environ.get("LANG") or "C"
    if name in ("C", "POSIX"):
        return ""
    # A locale that is not installed here says it in its name alone.
    encoding = name.partition(".")[2].partition("@")[0] or locale.getencoding()
    return "" if encoding.lower().replace("-", "") in ("utf8", "cp65001", "ansi_x3.41968") else encoding
