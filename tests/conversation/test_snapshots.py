"""The directory of snapshots: real caches in it, and only as much as it may hold."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inference import KVCache, Model
from tui.conversation.conversation import new_id
from tui.storage.cache_snapshots import ABANDONED_SECONDS, Snapshots
from tui.storage.errors import StoreError


def fill(snapshots: Snapshots, size: int, age: float = 0) -> str:
    """A snapshot of so many bytes, used so many seconds ago; returns its session."""
    session_id = new_id()
    file = snapshots.place(session_id)
    file.write_bytes(bytes(size))
    os.utime(file, (time.time() - age,) * 2)
    return session_id


def test_a_cache_goes_there_and_comes_back(tiny_model: Path, tmp_path: Path) -> None:
    model, snapshots, session_id = Model.load(tiny_model), Snapshots(tmp_path / "a" / "b", 2**20), new_id()
    assert snapshots.find(session_id) is None
    ids = list(range(40))
    cache = model.new_cache()
    model.forward(ids, cache)
    cache.save(snapshots.place(session_id), ids)
    assert snapshots.directory.stat().st_mode & 0o777 == 0o700
    file = snapshots.find(session_id)
    assert file is not None and file.stat().st_mode & 0o777 == 0o600
    again, again_ids = KVCache.load(file, model)
    assert (again.length, again_ids) == (40, ids)
    snapshots.remove(session_id)
    snapshots.remove(session_id)
    assert snapshots.find(session_id) is None


def test_those_used_longest_ago_make_room(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path, 350)
    old, older, new, oldest = (fill(snapshots, 100, age) for age in (20, 30, 10, 40))
    assert snapshots.find(oldest)
    snapshots.prune()
    assert [snapshots.find(session_id) is not None for session_id in (oldest, older, old, new)] == [
        True,
        False,
        True,
        True,
    ]
    snapshots.prune()
    assert len(list(tmp_path.iterdir())) == 3


def test_one_that_is_too_large_goes(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path, 50)
    fill(snapshots, 100)
    snapshots.prune()
    assert list(tmp_path.iterdir()) == []


def test_what_dead_processes_left_goes_and_what_the_living_use_stays(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    names = (
        f"evicted-{process.pid}-7f00.safetensors",
        f"evicted-{os.getpid()}-7f00.safetensors",
        "evicted-99999999999999999999-7f00.safetensors",
        ".x.safetensors.old",
        ".x.safetensors.new",
    )
    for name in names:
        (tmp_path / name).write_bytes(bytes(100))
    os.utime(tmp_path / ".x.safetensors.old", (time.time() - ABANDONED_SECONDS - 60,) * 2)
    Snapshots(tmp_path, 0).prune()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted((names[1], names[2], names[4]))


def test_a_directory_that_is_not_there_needs_no_pruning(tmp_path: Path) -> None:
    Snapshots(tmp_path / "nowhere", 0).prune()


def test_nothing_leads_out_of_the_directory(tmp_path: Path) -> None:
    snapshots, session_id = Snapshots(tmp_path / "snapshots", 2**20), new_id()
    outside = tmp_path / "outside"
    outside.write_text("precious")
    snapshots.place(session_id).symlink_to(outside)
    assert snapshots.find(session_id) is None
    snapshots.remove(session_id)
    assert outside.read_text() == "precious"
    for stranger in ("../outside", "", "x" * 32, "A" * 32, session_id + "\n"):
        with pytest.raises(StoreError, match="Invalid session id"):
            snapshots.place(stranger)
