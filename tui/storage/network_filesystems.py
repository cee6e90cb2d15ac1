"""Network file systems: they cannot share memory between hosts, which SQLite's write-ahead log needs."""

import contextlib
import os
import sys
from pathlib import Path

NETWORK = {"nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "ncpfs", "afs", "9p", "ceph", "lustre", "gpfs", "beegfs"}
NETWORK |= {"glusterfs", "orangefs", "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone", "vboxsf", "virtiofs"}
NETWORK |= {"afpfs", "webdav", "macfuse"}  # of macOS


def network_file_system(path: Path) -> str:
    """The kind of network file system that ``path`` lies on; empty for a local one, and where nobody can tell."""
    path = path.resolve()
    if _on_a_disk(path):
        return ""
    # Imported late: most databases lie on a disk of this machine, and are opened before the first screen is painted.
    import psutil

    try:
        mounts = psutil.disk_partitions(all=True)
    except OSError:
        return ""
    above = [mount for mount in mounts if path.is_relative_to(mount.mountpoint)]
    # Of several mounts at one place the last covers the others.
    nearest = max(reversed(above), key=lambda mount: len(Path(mount.mountpoint).parts), default=None)
    return nearest.fstype if nearest and nearest.fstype in NETWORK else ""


def _on_a_disk(path: Path) -> bool:
    """True if the path is known to lie on a block device: on Linux nothing else has a major number."""
    with contextlib.suppress(OSError):
        return sys.platform == "linux" and os.major(path.stat().st_dev) != 0
    return False
