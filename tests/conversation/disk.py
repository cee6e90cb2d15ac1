"""Disks that are full or read-only, and processes that die: the real ones, as far as this machine lets us have them."""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOBODY = 65534


@contextlib.contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[Path]:
    """A file system of its own that is soon full; skips where none can be mounted."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)]
    with contextlib.suppress(FileNotFoundError):
        if subprocess.run(command, capture_output=True).returncode == 0:
            try:
                yield place
            finally:
                subprocess.run(["umount", "--lazy", str(place)], check=True)
            return
    pytest.skip("no file system can be mounted here")


def open_up(directory: Path) -> None:
    """Let people without privileges into a test's directory."""
    for path in (directory, *directory.parents):
        if path == Path(tempfile.gettempdir()):
            break
        path.chmod(0o755)


def python(code: str, *arguments: object, **options: object) -> subprocess.Popen[str]:
    """A process that runs ``code`` with ``arguments`` as its ``sys.argv[1:]``."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, **options)  # type: ignore[call-overload,no-any-return]


# To be run by a process that permissions shall hold for, once it has imported what it needs, even if root starts it.
WITHOUT_PRIVILEGES = f"""
import os
if os.geteuid() == 0:
    os.setgroups([])
    os.setresgid({NOBODY}, {NOBODY}, {NOBODY})
    os.setresuid({NOBODY}, {NOBODY}, {NOBODY})
"""
