"""What the doctor looks at on this side of the engine: directories, the database, the terminal."""

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
from tui.storage.errors import StoreError
from tui.storage.network_filesystems import network_file_system
from tui.storage.schema import check

SCARCE_DISK = 100 * 2**20
SMALLEST = (40, 12)


def examine(database: Path) -> Iterator[Finding]:
    """One finding after the other."""
    yield directory("configuration", config_directory(), private=False)
    yield directory("data", sessions_file().parent, private=True)
    yield directory("cache", cache_directory(), private=False)
    yield integrity(database)
    yield terminal()
    yield size()
    yield characters()
    yield from clipboard()


def directory(what: str, path: Path, *, private: bool) -> Finding:
    """Whether it can be used, and by nobody else where it is ``private``."""
    what = f"{what} directory"
    there = next(place for place in (path, *path.parents) if place.exists())
    if not there.is_dir():
        return Finding(what, "problem", f"{there} is not a directory", "move it away")
    if not os.access(there, os.W_OK | os.X_OK):
        return Finding(what, "problem", f"{there} cannot be written", f"make it yours: chown or chmod u+rwx {there}")
    free = shutil.disk_usage(there).free
    if free < SCARCE_DISK:
        says = f"the disk that holds {path} has only {free / 2**20:.0f} MB left"
        return Finding(what, "problem", says, "make room on it")
    if there != path:
        return Finding(what, "ok", f"{path} will be made when it is needed")
    mode = path.stat().st_mode & 0o777
    if private and mode & 0o077:
        return Finding(what, "problem", f"{path} is open to others ({mode:03o})", f"chmod 700 {path}")
    kind = network_file_system(path)
    return Finding(what, "ok", f"{path} ({mode:03o})" + (f", on {kind}" if kind else ""))


def integrity(file: Path) -> Finding:
    """Whether the database can be read and SQLite finds no fault with it."""
    if not file.exists():
        return Finding("database", "ok", f"{file} will be made with the first session")
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as db:
            check(db, str(file))
            (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise damaged(file, " ".join(found.split()))
    except (*FAULTS, StoreError) as error:
        sentence = str(error if isinstance(error, StoreError) else explain(error, file))
        copies = backups(file)
        remedy = f"its copies are in {copies}" if copies.is_dir() else "--db FILE takes another one"
        return Finding("database", "problem", sentence.rstrip("."), remedy)
    mode = file.stat().st_mode & 0o777
    if mode & 0o077:
        return Finding("database", "problem", f"{file} is open to others ({mode:03o})", f"chmod 600 {file}")
    return Finding("database", "ok", f"{file} is sound ({file.stat().st_size / 2**20:.1f} MB)")


def terminal() -> Finding:
    """What kind, and how many colours."""
    term = os.environ.get("TERM", "")
    if term in ("", "dumb", "unknown"):
        return Finding("terminal", "problem", f"TERM is “{term}”", "set it to what the terminal is, xterm-256color say")
    try:
        curses.setupterm(term, sys.__stdout__.fileno() if sys.__stdout__ else 1)
        colours = curses.tigetnum("colors")
    except (curses.error, OSError):
        remedy = "install ncurses-term, or set TERM=xterm-256color"
        return Finding("terminal", "note", f"this host does not know the terminal {term}", remedy)
    if os.environ.get("COLORTERM") in ("truecolor", "24bit"):
        colours = 2**24
    says = f"{term}, {max(colours, 0)} colours" + (f", over SSH from {ssh}" if (ssh := _ssh()) else "")
    if os.environ.get("NO_COLOR"):
        return Finding("terminal", "note", f"{says}, but NO_COLOR is set", "unset it for colours")
    if colours < 256:
        return Finding("terminal", "note", says, "theme `terminal` is made for so few")
    return Finding("terminal", "ok", says)


def _ssh() -> str:
    return (os.environ.get("SSH_CONNECTION") or "").partition(" ")[0]


def size() -> Finding:
    """Whether the app fits."""
    if not sys.stdout.isatty():
        return Finding(
            "window", "note", "this is not a terminal but a pipe or file", "run it in a terminal to know more"
        )
    columns, rows = os.get_terminal_size(sys.stdout.fileno())
    if columns < SMALLEST[0] or rows < SMALLEST[1]:
        remedy = f"make it at least {SMALLEST[0]}x{SMALLEST[1]}"
        return Finding("window", "note", f"{columns}x{rows} is too small to read well", remedy)
    return Finding("window", "ok", f"{columns}x{rows}")


def characters() -> Finding:
    """Whether text goes out in UTF-8. Python makes do with a C locale by itself, and then its UTF-8 mode is on."""
    made_do = sys.flags.utf8_mode and not os.environ.get("PYTHONUTF8")
    encoding = locale.getencoding()
    if made_do or encoding.lower().replace("-", "") != "utf8":
        says = "the locale is C" if made_do else f"the locale's encoding is {encoding}"
        return Finding("characters", "note", f"{says}, not UTF-8", "export LANG=C.UTF-8, if the terminal shows UTF-8")
    return Finding("characters", "ok", "UTF-8")


def clipboard() -> Iterator[Finding]:
    """What stands between the program and the clipboard."""
    if os.environ.get("TMUX"):
        try:
            command = ["tmux", "show-options", "-gv", "set-clipboard"]
            chosen = subprocess.run(command, capture_output=True, text=True, timeout=5).stdout.strip()
        except (OSError, subprocess.TimeoutExpired):
            chosen = ""
        if chosen:  # copies do not depend on it: tmux is given them, not asked to let them through
            yield Finding(
                "clipboard", "ok", f"inside tmux, which takes copies and sends them on; set-clipboard is {chosen}"
            )
        else:
            says = "inside tmux, which does not answer"
            yield Finding("clipboard", "note", says, "have tmux in your PATH, or save to a file instead")
    elif os.environ.get("STY"):
        yield Finding("clipboard", "note", "inside screen, which keeps copies to itself", "save to a file instead")
