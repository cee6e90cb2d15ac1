"""What the machine has, and how much of it this process may take."""

from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import psutil
import pytest

from inference import diagnostics
from inference.system import cgroups, cores, memory


class Host:
    """A system with 8000 bytes of free memory, and a /proc and /sys of its own."""

    def __init__(self, directory: Path) -> None:
        self.proc, self.sys = directory / "proc", directory / "sys"
        (self.proc / "self").mkdir(parents=True)

    def belongs(self, *memberships: str) -> None:
        """This process's groups, as in /proc/self/cgroup."""
        (self.proc / "self" / "cgroup").write_text("".join(f"{line}\n" for line in memberships))

    def mounts(self, *mounts: tuple[str, str, str]) -> None:
        """Mounted hierarchies: the group at the mount point, the directory, and what mountinfo says after " - "."""
        lines = ["24 1 8:1 / / rw - ext4 /dev/vda1 rw", "broken", ""]
        lines += [f"30 24 0:27 {root} {self.sys / point} rw shared:4 - {kind}" for root, point, kind in mounts]
        (self.proc / "self" / "mountinfo").write_text("".join(f"{line}\n" for line in lines))

    def group(self, path: str, **files: str) -> None:
        """Files of a group, by names with dots for double underscores."""
        (self.sys / path).mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (self.sys / path / name.replace("__", ".", 1)).write_text(f"{content}\n")


V2 = ("/", "", "cgroup2 cgroup2 rw")
V1_MEMORY, V1_CPU = ("/", "memory", "cgroup cgroup rw,memory"), ("/", "cpu", "cgroup cgroup rw,cpu,cpuacct")


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Host:
    host = Host(tmp_path)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=8000))
    monkeypatch.setattr(cgroups, "PROC", host.proc)
    return host


@pytest.mark.parametrize(
    ("limit", "used", "available"),
    [("max", "5000", 8000), ("9000", "5000", 4000), ("90000", "5000", 8000), ("1", "5000", 0), ("?", "5000", 8000)],
)
def test_memory_is_what_the_control_group_leaves(host: Host, limit: str, used: str, available: int) -> None:
    host.belongs("0::/")
    host.mounts(V2)
    host.group("", memory__max=limit, memory__current=used)
    assert memory.available_memory() == available


def test_every_ancestor_limits(host: Host) -> None:
    host.belongs("0::/user.slice/user-1000.slice/session-2.scope")
    host.mounts(V2)
    host.group("user.slice", memory__max="5000", memory__current="2000")
    host.group("user.slice/user-1000.slice", memory__max="max", memory__high="3500", memory__current="1000")
    host.group("user.slice/user-1000.slice/session-2.scope", memory__max="6000", memory__current="500")
    host.group("system.slice", memory__max="10", memory__current="10")
    found = [(limit.group.name, limit.maximum, limit.available) for limit in memory.memory_limits()]
    assert found == [("session-2.scope", 6000, 5500), ("user-1000.slice", 3500, 2500), ("user.slice", 5000, 3000)]
    assert memory.available_memory() == 2500


def test_page_cache_that_can_be_freed_is_free(host: Host) -> None:
    host.belongs("0::/a slice")
    host.mounts(V2)
    stat = "anon 1000\nactive_file 500\ninactive_file 3000"
    host.group("a slice", memory__max="5000", memory__current="4500", memory__stat=stat)
    assert memory.available_memory() == 3500
    host.group("a slice", memory__current="2000")  # figures of different moments
    assert memory.available_memory() == 5000


def test_limits_of_version_1(host: Host) -> None:
    host.belongs("5:cpu,cpuacct:/docker", "4:memory:/docker/c0ffee", "0::/")
    host.mounts(V1_MEMORY, V1_CPU, ("/", "unified", "cgroup2 cgroup2 rw"))
    unlimited, stat = str(2**63 - 4096), "inactive_file 1\ntotal_inactive_file 700"
    host.group("memory", memory__limit_in_bytes=unlimited, memory__usage_in_bytes="100000")
    host.group("memory/docker", memory__limit_in_bytes="4000", memory__usage_in_bytes="2000", memory__stat=stat)
    host.group("memory/docker/c0ffee", memory__limit_in_bytes=unlimited, memory__usage_in_bytes="2000")
    assert memory.available_memory() == 2700


@pytest.mark.parametrize("membership", ["4:memory:/docker/c0ffee", "4:memory:/elsewhere", "4:memory:/../other"])
def test_in_a_container_the_mount_point_is_the_group(host: Host, membership: str) -> None:
    """The host's names of groups are not those below the mount point."""
    host.belongs(membership)
    host.mounts(("/docker/c0ffee", "memory", "cgroup cgroup rw,memory"))
    host.group("memory", memory__limit_in_bytes="4000", memory__usage_in_bytes="1000")
    assert memory.available_memory() == 3000


def test_the_least_quota_of_all_groups_counts(host: Host) -> None:
    host.belongs("0::/outer/inner", "3:cpu,cpuacct:/outer")
    host.mounts(V2)
    host.group("outer", cpu__max="250000 100000")
    host.group("outer/inner", cpu__max="max 100000")
    assert cores.count_cores().quota == 3
    host.mounts(V1_CPU)
    host.group("cpu/outer", cpu__cfs_quota_us="150000", cpu__cfs_period_us="100000")
    host.group("cpu", cpu__cfs_quota_us="-1", cpu__cfs_period_us="100000")
    assert cores.count_cores().quota == 2
    host.group("cpu/outer", cpu__cfs_quota_us="100", cpu__cfs_period_us="0")
    assert cores.count_cores().quota is None


def test_the_doctor_names_the_limits(host: Host) -> None:
    host.belongs("0::/slice")
    host.mounts(V2)
    host.group("slice", memory__max=str(3 * 2**29), memory__current=str(2**29))
    (finding,) = diagnostics._memory()
    assert finding.state == "note"
    assert f"cgroup limit 1.5 GB, 1.0 GB left ({host.sys / 'slice'})" in finding.says


def test_memory_without_a_control_group_and_without_a_system_that_tells(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert memory.available_memory() == 8000

    def unreadable() -> NoReturn:
        raise FileNotFoundError("/proc/meminfo")

    monkeypatch.setattr(psutil, "virtual_memory", unreadable)
    assert memory.available_memory() is None


def test_this_machine_has_memory_and_cores() -> None:
    assert (memory.available_memory() or 0) > 0
    counted = cores.count_cores()
    assert 1 <= counted.physical <= counted.allowed <= counted.hardware_threads
    assert counted.usable >= 1


def test_hardware_threads_of_one_core_count_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for cpu, siblings in enumerate(("0,2", "1,3", "0,2", "1,3")):
        (tmp_path / f"cpu{cpu}" / "topology").mkdir(parents=True)
        (tmp_path / f"cpu{cpu}" / "topology" / "thread_siblings_list").write_text(f"{siblings}\n")
    monkeypatch.setattr(cores, "CPUS", tmp_path)
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 1, 2}, raising=False)
    assert (cores.count_cores().allowed, cores.count_cores().physical) == (3, 2)


@pytest.mark.parametrize(("known", "physical"), [(6, 6), (None, 3)])
def test_physical_cores_of_a_system_without_sys(
    known: int | None, physical: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cores, "CPUS", tmp_path / "nowhere")
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 1, 2}, raising=False)
    monkeypatch.setattr(psutil, "cpu_count", lambda logical: known)
    assert cores.count_cores().physical == physical
