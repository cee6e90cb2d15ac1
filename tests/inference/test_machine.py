"""What the machine has, and how much of it this process may take."""

from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import psutil
import pytest

from inference.system import cores, memory


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A system with 8000 bytes of free memory; the directory of its control group."""
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=8000))
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("limit", "used", "available"),
    [("max", "5000", 8000), ("9000", "5000", 4000), ("90000", "5000", 8000), ("1", "5000", 0), ("?", "5000", 8000)],
)
def test_memory_is_what_the_control_group_leaves(free: Path, limit: str, used: str, available: int) -> None:
    (free / "memory.max").write_text(f"{limit}\n")
    (free / "memory.current").write_text(f"{used}\n")
    assert memory.available_memory() == available


def test_memory_without_a_control_group_and_without_a_system_that_tells(
    free: Path, monkeypatch: pytest.MonkeyPatch
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
