"""Nightly backups of the library's catalogue to the two disks in the safe."""

import shutil
from collections.abc import Iterable
from datetime import date
from pathlib import Path

DISKS = (Path("/mnt/raven"), Path("/mnt/magpie"))
KEEP_DAILY, KEEP_MONTHLY = 14, 18
# Less than this free and the oldest daily backup goes first.
LEAST_FREE = 40 * 10**9


def disk_of(day: date) -> Path:
    """Even days go to the one disk, odd days to the other, so that a broken disk costs one day."""
    return DISKS[day.toordinal() % 2]


def backup(source: Path, day: date) -> Path:
    """Copy ``source``; the first of a month is kept among the monthly ones."""
    kind = "monthly" if day.day == 1 else "daily"
    target = disk_of(day) / kind / day.isoformat()
    while shutil.disk_usage(disk_of(day)).free < LEAST_FREE:
        shutil.rmtree(min((disk_of(day) / "daily").iterdir()))
    shutil.copytree(source, target)
    prune(disk_of(day) / "daily", KEEP_DAILY)
    prune(disk_of(day) / "monthly", KEEP_MONTHLY)
    return target


def prune(folder: Path, keep: int) -> None:
    """Remove all but the newest; folders that begin with ``hold-`` are never removed."""
    names: Iterable[Path] = sorted(path for path in folder.iterdir() if not path.name.startswith("hold-"))
    for path in list(names)[:-keep]:
        shutil.rmtree(path)
