"""Which file system a file lies on: some cannot share memory between hosts, which SQLite's write-ahead log needs."""

import re
from pathlib import Path

NETWORK = {"nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "ncpfs", "afs", "9p", "ceph", "lustre", "gpfs", "beegfs"}
NETWORK |= {"glusterfs", "orangefs", "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone", "vboxsf", "virtiofs"}
TABLE = Path("/proc/self/mountinfo")


def network_file_system(path: Path) -> str:
    """The kind of network file system that ``path`` lies on; empty for a local one, and where nobody can tell."""
    try:
        table = TABLE.read_text(errors="surrogateescape")
    except OSError:
        return ""
    kind = _kind(path.resolve(), table)
    return kind if kind in NETWORK else ""


def _kind(path: Path, table: str) -> str:
    """Of the mount that is nearest above ``path``; of several at one place the last, which covers the others."""
    nearest, kind = 0, ""
    for line in table.splitlines():
        fields, _, rest = line.partition(" - ")
        if len(columns := fields.split(" ")) > 4 and rest:
            place = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), columns[4]))
            if len(place.parts) >= nearest and path.is_relative_to(place):
                nearest, kind = len(place.parts), rest.split(" ")[0]
    return kind
