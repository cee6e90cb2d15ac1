"""Checks of memory limit and terminal before libraries would fail on them."""

import locale
import os
import resource
import sys

import click

STARTING, COMPUTING = 150 * 2**20, 2**30  # bytes of address space: for Python's libraries, for compiled kernels


def require_room(size: int = COMPUTING) -> None:
    """Raises ClickException if the memory limit is lower than ``size``."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if 0 <= limit < size:
        raise click.ClickException(
            f"The memory limit is {limit // 2**20} MB (`ulimit -v`), but llm-tui needs {size // 2**20} MB; raise it."
        )


def require_terminal() -> None:
    """Raises UsageError if the terminal cannot show the app."""
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout)):
        raise click.UsageError("The app needs a terminal. In a pipe, use `llm-tui chat` or `llm-tui story`.")
    if os.environ.get("TERM") == "dumb":
        raise click.UsageError(
            "The app does not work in a dumb terminal (TERM=dumb). Use `llm-tui chat` or `llm-tui story`."
        )
    if encoding := _other_encoding():
        raise click.UsageError(
            f"The locale's encoding is {encoding}, but the app needs UTF-8. Set LC_ALL=C.UTF-8 if the terminal "
            "supports it, or use `llm-tui chat` or `llm-tui story`."
        )


def _other_encoding() -> str:
    """The locale's encoding if it is not UTF-8; without a locale UTF-8 is assumed."""
    name = os.environ.get("LC_ALL") or os.environ.get("LC_CTYPE") or os.environ.get("LANG") or "C"
    if name in ("C", "POSIX"):
        return ""
    # For a locale that is not installed only its name tells the encoding.
    encoding = name.partition(".")[2].partition("@")[0] or locale.getencoding()
    return "" if encoding.lower().replace("-", "") in ("utf8", "cp65001", "ansi_x3.41968") else encoding
