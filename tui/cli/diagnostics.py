"""Checks of `llm-tui doctor` outside the engine: directories, database, terminal."""

import curses
import locale
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from inference.diagnostics import Finding
from tui.config.paths import cache_directory, config_directory, sessions_file
from tui.storage.backup import backups, damaged
from tui.storage.database import FAULTS, explain
from tui.storage.error_log import error_log_file
from tui.storage.errors import StoreError
from tui.storage.network_filesystems import network_file_system
from tui.storage.schema import check

SCARCE_DISK = 100 * 2**20
SMALLEST = (40, 12)


def examine(database: Path) -> Iterator[Finding]:
    """Run all checks."""
    yield directory("configuration", config_directory(), private=False)
    yield directory("data", sessions_file().parent, private=True)
    yield directory("cache", cache_directory(), private=False)
    yield directory("state", error_log_file().parent, private=True)
    yield integrity(database)
    yield terminal()
    yield size()
    yield characters()
    yield from clipboard()


def directory(what: str, path: Path, *, private: bool) -> Finding:
    """Existence, permissions and free space; ``private``: not readable by others."""
    what = f"{what} directory"
    there = next(place for place in (path, *path.parents) if place.exists())
    if not there.is_dir():
        return Finding(what, "problem", f"{there} is not a directory", "rename or remove it")
    if not os.access(there, os.W_OK | os.X_OK):
        return Finding(what, "problem", f"{there} is not writable", f"chown it or chmod u+rwx {there}")
    free = shutil.disk_usage(there).free
    if free < SCARCE_DISK:
        says = f"only {free / 2**20:.0f} MB free on the disk of {path}"
        return Finding(what, "problem", says, "free some disk space")
    if there != path:
        return Finding(what, "ok", f"{path} will be created when needed")
    mode = path.stat().st_mode & 0o777
    if private and mode & 0o077:
        return Finding(what, "problem", f"{path} is accessible to other users ({mode:03o})", f"chmod 700 {path}")
    kind = network_file_system(path)
    return Finding(what, "ok", f"{path} (mode {mode:03o})" + (f", on {kind}" if kind else ""))


def integrity(file: Path) -> Finding:
    """SQLite integrity and permissions of the database."""
    if not file.exists():
        return Finding("database", "ok", f"{file} will be created with the first session")
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as db:
            check(db, str(file))
            (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise damaged(file, " ".join(found.split()))
    except (*FAULTS, StoreError) as error:
        sentence = str(error if isinstance(error, StoreError) else explain(error, file))
        copies = backups(file)
        remedy = f"restore a backup from {copies}" if copies.is_dir() else "use another one with --db FILE"
        return Finding("database", "problem", sentence.rstrip("."), remedy)
    mode = file.stat().st_mode & 0o777
    if mode & 0o077:
        return Finding("database", "problem", f"{file} is accessible to other users ({mode:03o})", f"chmod 600 {file}")
    return Finding("database", "ok", f"{file} is intact ({file.stat().st_size / 2**20:.1f} MB)")


def terminal() -> Finding:
    """Terminal type and colours."""
    term = os.environ.get("TERM", "")
    if term in ("", "dumb", "unknown"):
        return Finding(
            "terminal", "problem", f"TERM is “{term}”", "set it to your terminal type, for example xterm-256color"
        )
    try:
        curses.setupterm(term, sys.__stdout__.fileno() if sys.__stdout__ else 1)
        colours = curses.tigetnum("colors")
    except (curses.error, OSError):
        remedy = "install ncurses-term, or set TERM=xterm-256color"
        return Finding("terminal", "note", f"no terminfo entry for {term} on this host", remedy)
    if os.environ.get("COLORTERM") in ("truecolor", "24bit"):
        colours = 2**24
    says = f"{term}, {max(colours, 0)} colours" + (f", over SSH from {ssh}" if (ssh := _ssh()) else "")
    if os.environ.get("NO_COLOR"):
        return Finding("terminal", "note", f"{says}, but NO_COLOR is set", "unset it for colours")
    if colours < 256:
        return Finding("terminal", "note", says, "use --theme terminal")
    return Finding("terminal", "ok", says)


def _ssh() -> str:
    return (os.environ.get("SSH_CONNECTION") or "").partition(" ")[0]


def size() -> Finding:
    """Terminal size."""
    if not sys.stdout.isatty():
        return Finding("terminal size", "note", "output is not a terminal", "run doctor in a terminal")
    columns, rows = os.get_terminal_size(sys.stdout.fileno())
    if columns < SMALLEST[0] or rows < SMALLEST[1]:
        says = f"{columns}x{rows} is smaller than the minimum {SMALLEST[0]}x{SMALLEST[1]}"
        return Finding("terminal size", "note", says, "enlarge the terminal")
    return Finding("terminal size", "ok", f"{columns}x{rows}")


def characters() -> Finding:
    """Output encoding. With a C locale, Python turns on its UTF-8 mode by itself."""
    made_do = sys.flags.utf8_mode and not os.environ.get("PYTHONUTF8")
    encoding = locale.getencoding()
    if made_do or encoding.lower().replace("-", "") != "utf8":
        says = "the locale is C" if made_do else f"the locale's encoding is {encoding}"
        return Finding("encoding", "note", f"{says}, not UTF-8", "export LANG=C.UTF-8 if the terminal supports UTF-8")
    return Finding("encoding", "ok", "UTF-8")


def clipboard() -> Iterator[Finding]:
    """Clipboard access through tmux or screen."""
    if os.environ.get("TMUX"):
        try:
            command = ["tmux", "show-options", "-gv", "set-clipboard"]
            chosen = subprocess.run(command, capture_output=True, text=True, timeout=5).stdout.strip()
        except (OSError, subprocess.TimeoutExpired):
            chosen = ""
        if chosen:  # informative only: copies go to tmux itself
            yield Finding("clipboard", "ok", f"inside tmux, which forwards copies (set-clipboard {chosen})")
        else:
            says = "inside tmux, which does not respond"
            yield Finding("clipboard", "note", says, "put tmux on your PATH, or save to a file instead")
    elif os.environ.get("STY"):
        yield Finding("clipboard", "note", "inside screen, which does not forward copies", "save to a file instead")
