"""Files that are replaced as a whole, or not at all."""

import os
import stat
import time
from pathlib import Path

import pytest

from inference.system.atomic_write import ABANDONED_SECONDS, PARTIAL, atomic_write, remove_abandoned


def test_the_new_content_takes_the_place_of_the_old(tmp_path: Path) -> None:
    file = tmp_path / ("ü" * 100)
    for content in ("old", "new"):
        with atomic_write(file, 0o640) as partial:
            partial.write_text(content)
            assert partial.parent == tmp_path and partial.name.startswith(PARTIAL)
    assert file.read_text() == "new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [file]


def test_only_the_owner_can_read_it_unless_a_mode_is_given(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "file") as partial:
        assert stat.S_IMODE(partial.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


def test_a_block_that_raises_leaves_everything_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_write(file) as partial:
        partial.write_text("half")
        raise KeyboardInterrupt
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_appeared_meanwhile_may_stay(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with atomic_write(file, overwrite=False) as partial:
        partial.write_text("late")
        file.write_text("early")
    assert file.read_text() == "early"
    assert list(tmp_path.iterdir()) == [file]


def test_content_is_on_the_disk_before_its_name_and_its_name_before_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, steps = tmp_path / "file", []

    def fsync(descriptor: int) -> None:
        directory = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        steps.append(("directory" if directory else "content", file.exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    with atomic_write(file) as partial:
        partial.write_text("x")
    assert steps == [("content", False), ("directory", True)]


def test_a_directory_that_cannot_be_flushed_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError

    monkeypatch.setattr(os, "fsync", fsync)
    with atomic_write(tmp_path / "file") as partial:
        partial.write_text("x")
    assert (tmp_path / "file").read_text() == "x"


def test_only_what_was_abandoned_is_removed(tmp_path: Path) -> None:
    old, young, other = (tmp_path / name for name in (f"{PARTIAL}old", f"{PARTIAL}young", "other"))
    for file in (old, young, other):
        file.touch()
    for file in (old, other):
        os.utime(file, (time.time() - 2 * ABANDONED_SECONDS,) * 2)
    remove_abandoned(tmp_path)
    assert set(tmp_path.iterdir()) == {young, other}
