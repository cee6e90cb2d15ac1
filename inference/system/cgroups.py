"""Control groups (cgroups) that limit this process: its own and their ancestors, in versions 1 and 2."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")


class _Mount(NamedTuple):
    """A mounted hierarchy: its group at ``point`` is ``root``. ``controllers`` are empty in version 2."""

    root: str
    point: Path
    controllers: frozenset[str]


def groups(controller: str) -> list[Path]:
    """Return the directories of this process's groups under ``controller``, the innermost first; empty if unknown.

    A limit of any of them holds: a group's resources are its parent's too.
    """
    try:
        memberships = (PROC / "self" / "cgroup").read_text().splitlines()
        mounts = list(_mounts((PROC / "self" / "mountinfo").read_text().splitlines()))
    except (OSError, ValueError):  # no Linux, or names that are not UTF-8
        return []
    found: list[Path] = []
    for membership in memberships:
        _, _, rest = membership.partition(":")
        names, _, group = rest.partition(":")
        if not names or controller in names.split(","):
            for mount in mounts:
                if (controller in mount.controllers) if names else not mount.controllers:
                    found += _upwards(group, mount)
    return found


def _mounts(lines: list[str]) -> Iterator[_Mount]:
    """Parse /proc/self/mountinfo (proc_pid_mountinfo(5)); spaces in paths are escaped as octal numbers."""
    for line in lines:
        place, _, kind = line.partition(" - ")
        fields, (fstype, *options) = place.split(), kind.split() or [""]
        if fstype in ("cgroup", "cgroup2") and len(fields) > 4:
            root, point = (field.replace(r"\040", " ") for field in fields[3:5])
            controllers = options[-1].split(",") if fstype == "cgroup" and options else []
            yield _Mount(root, Path(point), frozenset(controllers))


def _upwards(group: str, mount: _Mount) -> list[Path]:
    """The directories from ``group`` to the mount point.

    A group outside of what is mounted (that of a container's parent, for example) cannot be seen: its limits cannot.
    """
    inside = Path(group)
    if not inside.is_relative_to(mount.root) or ".." in inside.parts:
        return [mount.point]
    own = mount.point / inside.relative_to(mount.root)
    return [own, *(parent for parent in own.parents if parent.is_relative_to(mount.point))]
