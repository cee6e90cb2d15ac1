"""The file itself: newer, older, foreign, torn, on a network; and its backups."""

import os
import random
import sqlite3
import sys
import time
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import psutil
import pytest

from inference.system.atomic_write import ABANDONED_SECONDS
from tests.conversation.conversations import shape, talk
from tests.conversation.integrity import sound
from tui.storage import network_filesystems, schema
from tui.storage.backup import back_up_daily, backups
from tui.storage.errors import StoreError
from tui.storage.network_filesystems import network_file_system
from tui.storage.store import Store

LATER = ("ALTER TABLE sessions ADD COLUMN colour TEXT", "UPDATE sessions SET colour = 'red'")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database with a session of a few messages."""
    store = Store(tmp_path / "data" / "s.db")
    store.save(talk(*(f"message {number} " * 30 for number in range(40))))
    store.close()
    return store.file


def journal(file: Path) -> str:
    db = sqlite3.connect(file)
    mode: str = db.execute("PRAGMA journal_mode").fetchone()[0]
    db.close()
    return mode


# ---- schemas


def test_a_newer_schema_is_refused_and_not_touched(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "MIGRATIONS", [*schema.MIGRATIONS, LATER])
    Store(file).close()
    monkeypatch.undo()
    before, files = file.read_bytes(), sorted(file.parent.iterdir())
    known = len(schema.MIGRATIONS)
    with pytest.raises(
        StoreError, match=rf"newer llm-tui \(schema {known + 1}; this one knows {known}\)\. Update llm-tui"
    ):
        Store(file)
    assert (file.read_bytes(), sorted(file.parent.iterdir())) == (before, files)


def test_a_newer_program_that_comes_along_ends_the_writing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(file)
    conversation = store.open(store.sessions(1)[0].id)
    monkeypatch.setattr(schema, "MIGRATIONS", [*schema.MIGRATIONS, LATER])
    Store(file).close()
    monkeypatch.undo()
    conversation.tree.add("user", "too late")
    store.save(conversation)
    assert "newer llm-tui" in store.trouble
    with sqlite3.connect(file) as db:
        assert db.execute("SELECT count(*) FROM nodes").fetchone() == (40,)
    db.close()


def test_a_migration_keeps_everything_and_a_copy_of_what_was(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (session,) = Store(file).sessions(2)
    monkeypatch.setattr(schema, "MIGRATIONS", [*schema.MIGRATIONS, LATER])
    store = Store(file)
    assert store._connected().execute("SELECT colour FROM sessions").fetchall() == [("red",)]
    assert len(store.open(session.id).tree) == 40
    store.close()
    monkeypatch.undo()
    (copy,) = backups(file).iterdir()
    assert copy.name == f"schema-{len(schema.MIGRATIONS)}.db"
    assert len(Store(copy).open(session.id).tree) == 40


def test_a_migration_that_fails_leaves_the_database_as_it_was(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "MIGRATIONS", [*schema.MIGRATIONS, (*LATER, "SELECT * FROM nowhere")])
    store = Store(file)
    assert "nowhere" in store.trouble
    store.close()
    monkeypatch.undo()
    store = Store(file)
    assert (store.trouble, len(store.sessions(2))) == ("", 1)
    columns = {row[1] for row in store._connected().execute("PRAGMA table_info(sessions)")}
    assert "colour" not in columns


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    for statement in ("CREATE TABLE t (x)", "PRAGMA user_version = 1", "PRAGMA application_id = 7"):
        file = tmp_path / f"{len(statement)}.db"
        db = sqlite3.connect(file)
        db.execute(statement)
        db.commit()
        db.close()
        before = file.read_bytes()
        with pytest.raises(StoreError, match="another program"):
            Store(file)
        assert file.read_bytes() == before


def test_an_empty_file_is_a_new_database(tmp_path: Path) -> None:
    (tmp_path / "s.db").touch()
    store = Store(tmp_path / "s.db")
    store.save(talk("hello"))
    assert store.trouble == ""


# ---- damage


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    file = tmp_path / "s.db"
    file.write_text("not a database " * 100)
    with pytest.raises(StoreError, match=r"damaged .*There is no backup; use another file with --db"):
        Store(file)
    assert file.read_text().startswith("not a database")
    file.write_text("x")  # which SQLite takes for an empty database
    with pytest.raises(StoreError, match="file is not a database"):
        Store(file)
    assert file.read_text() == "x"
    directory = Store(tmp_path)
    assert "Cannot open" in directory.trouble


def test_whatever_is_torn_ends_in_a_sentence(file: Path) -> None:
    """Cut short, or with other bytes in the middle: what can be read is read, else one StoreError says why."""
    back_up_daily(file)
    whole, chance = file.read_bytes(), random.Random(5)
    torn = [whole[:length] for length in (1, 17, 100, 1000, 4096, 5000, len(whole) // 2, len(whole) - 1)]
    for size in [1, 4, 64, 4096] * 30:
        place = chance.randrange(len(whole) - size)
        torn.append(whole[:place] + chance.randbytes(size) + whole[place + size :])
    refused = 0
    for content in torn:
        file.write_bytes(content)
        for suffix in ("-wal", "-shm"):
            file.with_name(file.name + suffix).unlink(missing_ok=True)
        try:
            store = Store(file)
            for session in store.sessions(5):
                store.search("message")
                conversation = store.open(session.id)
                conversation.tree.add("user", "and on")
                store.save(conversation)
                store.delete(conversation)
            store.close()
        except StoreError as error:
            refused += 1
            assert str(error).count("\n") == 0
            if "damaged" in str(error):
                assert str(backups(file)) in str(error)
    assert refused >= 8


def test_a_schema_with_a_torn_number(file: Path) -> None:
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA user_version = -2122219135")
    db.close()
    with pytest.raises(StoreError, match="damaged"):
        Store(file)


def test_what_cannot_even_be_quoted_is_damage(file: Path) -> None:
    """SQLite quotes what it cannot parse; where that is no text, Python raises what is not a sqlite3.Error."""
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_master SET name = CAST(x'81' AS TEXT), sql = 'CREATE x' WHERE name = 'nodes'")
    db.close()
    with pytest.raises(StoreError, match=r"damaged .*codec"):
        Store(file)


# ---- where write-ahead logs do not work


def mount(monkeypatch: pytest.MonkeyPatch, *mounts: tuple[str, str]) -> None:
    """Have the system tell of file systems at these places, of these kinds."""
    partitions = [SimpleNamespace(mountpoint=place, fstype=kind) for place, kind in mounts]
    monkeypatch.setattr(network_filesystems, "_on_a_disk", lambda path: False)
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: partitions)


def test_a_network_file_system_gets_another_journal_and_one_word_about_it(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert journal(file) == "wal"
    mount(monkeypatch, ("/", "ext4"), (str(file.parent), "nfs4"))
    store = Store(file)
    assert "nfs4" in store.note and "slower" in store.note
    conversation = store.open(store.sessions(1)[0].id)
    conversation.tree.add("user", "over the net")
    store.save(conversation)
    other = Store(file)
    assert other.note == ""
    assert shape(other.read(conversation.id).tree) == shape(conversation.tree)
    store.close()
    other.close()
    assert journal(file) == "delete"
    assert sound(file)
    assert "nfs4" in Store(file.with_name("new.db")).note
    monkeypatch.undo()
    store = Store(file)
    assert store.note == ""
    store.close()
    assert journal(file) == "wal"


def test_the_mount_that_counts_is_the_nearest_and_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "my home" / "data"
    home.mkdir(parents=True)
    above = str(tmp_path / "my home")
    root, net, local = ("/", "ext4"), (above, "nfs"), (above, "btrfs")
    for mounts, kind in (
        ([root], ""),
        ([root, net], "nfs"),
        ([net, root], "nfs"),
        ([root, net, local], ""),
        ([root, local, net], "nfs"),
        ([], ""),
        ([(above + "er", "nfs")], ""),
    ):
        mount(monkeypatch, *mounts)
        assert network_file_system(home) == kind


def test_where_no_mounts_can_be_read_everything_is_local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(all: bool) -> NoReturn:
        raise FileNotFoundError("/proc/self/mounts")

    mount(monkeypatch)
    monkeypatch.setattr(psutil, "disk_partitions", unreadable)
    assert network_file_system(tmp_path) == ""


def test_what_lies_on_a_disk_is_local_whatever_is_mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mount(monkeypatch, ("/", "nfs"))
    monkeypatch.setattr(network_filesystems, "_on_a_disk", lambda path: True)
    assert network_file_system(tmp_path) == ""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux numbers its devices so")
def test_a_file_system_without_a_device_is_not_on_a_disk() -> None:
    assert not network_filesystems._on_a_disk(Path("/proc"))
    assert not network_filesystems._on_a_disk(Path("/nowhere"))


# ---- backups


def test_one_backup_a_day_and_the_last_three_kept(file: Path) -> None:
    directory = backups(file)
    directory.mkdir()
    for days in range(1, 6):
        (directory / f"{date.today() - timedelta(days=days)}.db").touch()
    (directory / "schema-1.db").touch()
    abandoned, recent = directory / ".partial-old", directory / ".partial-new"
    for partial in (abandoned, recent):
        partial.touch()
    os.utime(abandoned, (time.time() - ABANDONED_SECONDS - 60,) * 2)
    store = Store(file)  # while it is in use
    back_up_daily(file)
    names = sorted(path.name for path in directory.iterdir())
    assert names == [recent.name, *(f"{date.today() - timedelta(days=days)}.db" for days in (2, 1, 0)), "schema-1.db"]
    copy = directory / f"{date.today()}.db"
    assert copy.stat().st_mode & 0o777 == 0o600
    assert sound(copy)
    before = copy.read_bytes()
    conversation = store.open(store.sessions(1)[0].id)
    conversation.tree.add("user", "later")
    store.save(conversation)
    back_up_daily(file)
    assert copy.read_bytes() == before
    assert len(Store(copy).read(conversation.id).tree) == 40


def test_nothing_to_back_up(tmp_path: Path) -> None:
    back_up_daily(tmp_path / "s.db")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_database_does_not_take_the_place_of_a_good_copy(file: Path) -> None:
    directory = backups(file)
    directory.mkdir()
    yesterday = directory / f"{date.today() - timedelta(days=1)}.db"
    yesterday.write_bytes(file.read_bytes())
    content = bytearray(file.read_bytes())
    for page in range(4, len(content) // 4096 - 1):
        content[page * 4096 : page * 4096 + 200] = bytes(range(200))
    file.write_bytes(content)
    with pytest.raises((StoreError, sqlite3.Error)):
        back_up_daily(file)
    assert list(directory.iterdir()) == [yesterday]
