"""The index follows files and folders, reads what changed only, and is sound whenever it is stopped."""

import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.conversation.disk import small_disk
from tests.documents.stub_embedder import StubEmbedder
from tui.documents import adding
from tui.documents.adding import Changes, embed, refresh
from tui.documents.errors import DocumentError
from tui.documents.index import DocumentIndex
from tui.documents.index_file import VERSION


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "house"
    folder.mkdir()
    for name in ("pump", "roof", "cake"):
        (folder / f"{name}.md").write_text(f"# The {name}\n\nAll about the {name}.\n")
    return folder


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "documents.db"


def add(file: Path, folder: Path) -> Changes:
    changes = Changes()
    with DocumentIndex(file) as index:
        refresh(index, index.add_root("house", folder), changes)
    return changes


def texts(file: Path) -> list[str]:
    with DocumentIndex(file) as index:
        return sorted(found.passage.text for found in index.passages(range(1000)))


def is_sound(file: Path) -> None:
    """The words are those of the passages, and nothing belongs to nothing."""
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        db.execute("INSERT INTO words (words) VALUES ('integrity-check')")
        indexed = {id_ for (id_,) in db.execute("SELECT id FROM words_docsize")}
        assert indexed == {id_ for (id_,) in db.execute("SELECT id FROM passages")}


def test_files_are_added_once(file: Path, folder: Path) -> None:
    assert add(file, folder) == Changes(added=3)
    assert add(file, folder) == Changes(unchanged=3)
    assert len(texts(file)) == 3
    with DocumentIndex(file) as index:
        (summary,) = index.collections()
    assert (summary.name, summary.roots, summary.documents, summary.passages) == ("house", (folder,), 3, 3)
    is_sound(file)


def test_what_changed_is_read_again_and_what_is_gone_removed(file: Path, folder: Path) -> None:
    add(file, folder)
    (folder / "pump.md").write_text("# The pump\n\nIt is new.\n")
    (folder / "roof.md").unlink()
    (folder / "valve.md").write_text("Valves.")
    assert add(file, folder) == Changes(added=1, changed=1, unchanged=1, removed=1)
    assert texts(file) == ["# The cake\n\nAll about the cake.", "# The pump\n\nIt is new.", "Valves."]
    is_sound(file)


def test_unchanged_files_are_not_read(file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(file, folder)
    read: list[str] = []

    def reading(path: Path) -> bytes:
        read.append(path.name)
        return path.read_bytes()

    monkeypatch.setattr(adding, "read_bytes", reading)
    assert add(file, folder) == Changes(unchanged=3)
    assert read == []
    os.utime(folder / "pump.md", ns=(1, 1))
    with DocumentIndex(file) as index:
        before = index.passages(range(100))
    assert add(file, folder) == Changes(unchanged=3)
    assert read == ["pump.md"]
    with DocumentIndex(file) as index:
        assert index.passages(range(100)) == before  # the content is the same
    assert add(file, folder) == Changes(unchanged=3)
    assert read == ["pump.md"]


def test_files_that_cannot_be_read_are_named_and_what_was_known_of_them_stays(file: Path, folder: Path) -> None:
    add(file, folder)
    (folder / "pump.md").write_bytes(b"\0\1\2")
    changes = add(file, folder)
    assert (changes.unchanged, changes.left_out) == (2, [f"{folder / 'pump.md'} is a binary file."])
    assert len(texts(file)) == 3


def test_a_file_that_vanishes_before_it_is_read(file: Path, folder: Path) -> None:
    changes = Changes()

    def vanish(path: Path) -> None:
        if path.name == "pump.md":
            path.unlink()

    with DocumentIndex(file) as index:
        refresh(index, index.add_root("house", folder), changes, vanish)
    assert (changes.added, changes.left_out) == (2, [f"{folder / 'pump.md'} does not exist."])


def test_a_folder_that_is_gone_keeps_its_documents(file: Path, folder: Path) -> None:
    add(file, folder)
    folder.rename(folder.with_name("elsewhere"))
    changes = add(file, folder)
    assert changes == Changes(left_out=[f"{folder} does not exist. Its documents are kept (3)."])
    assert len(texts(file)) == 3


def test_a_file_that_became_a_link_out_of_the_folder_is_removed(file: Path, folder: Path, tmp_path: Path) -> None:
    add(file, folder)
    (folder / "pump.md").rename(tmp_path / "pump.md")
    (folder / "pump.md").symlink_to(tmp_path / "pump.md")
    changes = add(file, folder)
    assert changes.removed == 1
    assert "outside of the folder" in changes.left_out[0]


def test_a_single_file_can_be_added(file: Path, folder: Path) -> None:
    assert add(file, folder / "pump.md") == Changes(added=1)
    assert add(file, folder / "pump.md") == Changes(unchanged=1)


class Stopped(Exception):
    pass


def test_what_was_done_before_it_was_stopped_stays_and_it_goes_on_from_there(file: Path, folder: Path) -> None:
    def stop(path: Path) -> None:
        if path.name == "roof.md":
            raise Stopped

    with DocumentIndex(file) as index:
        root = index.add_root("house", folder)
        with pytest.raises(Stopped):
            refresh(index, root, Changes(), stop)
    assert len(texts(file)) == 2
    assert add(file, folder) == Changes(added=1, unchanged=2)


def test_collections_and_roots_are_removed_with_all_that_is_in_them(file: Path, folder: Path) -> None:
    add(file, folder)
    with DocumentIndex(file) as index:
        other = index.add_root("other", folder / "pump.md")
        refresh(index, other, Changes())
        embed(index, StubEmbedder())
        index.remove_collection("house")
        assert [summary.name for summary in index.collections()] == ["other"]
        assert len(index.by_words(["pump"], (), 10)) == 1
        index.remove_root(other)
        assert index.collections() == []
        with pytest.raises(DocumentError, match="no collection house"):
            index.remove_collection("house")
    is_sound(file)
    with closing(sqlite3.connect(file)) as db:
        assert [db.execute(f"SELECT count(*) FROM {t}").fetchone() for t in ("passages", "vectors")] == [(0,), (0,)]


def test_vectors_are_computed_once_and_again_for_another_model(file: Path, folder: Path) -> None:
    add(file, folder)
    stub, other = StubEmbedder(), StubEmbedder("other")
    with DocumentIndex(file) as index:
        embed(index, stub)
        assert len(stub.embedded) == 3
        assert all(text.startswith("The ") for text in stub.embedded)  # the heading is in front
        embed(index, stub)
        assert len(stub.embedded) == 3
        assert index.count_without_vector("stub") == 0
        embed(index, other)
        assert len(other.embedded) == 3
        ids, vectors = index.vectors("other", 4, ())
        assert (len(ids), vectors.shape) == (3, (3, 4))
        assert index.count_without_vector("stub") == 3


def test_embedding_can_be_stopped_between_batches(file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adding, "EMBEDDED_AT_ONCE", 1)
    add(file, folder)
    stub = StubEmbedder()

    def stop(done: int, total: int) -> None:
        assert total == 3
        if done == 2:
            raise Stopped

    with DocumentIndex(file) as index:
        with pytest.raises(Stopped):
            embed(index, stub, stop)
        embed(index, stub)
    assert len(stub.embedded) == 3


def test_an_index_that_is_open_twice_keeps_its_log(file: Path, folder: Path) -> None:
    """Locks belong to a process: what was opened and closed meanwhile must not take those of the first."""
    add(file, folder)
    with DocumentIndex(file) as index:
        assert len(index.passages(range(1000))) == 3
        add(file, folder)  # opens and closes it in this process
        log = file.with_name(f"{file.name}-wal")
        before = log.stat().st_ino
        (folder / "door.md").write_text("# The door\n\nAll about the door.\n")
        subprocess.run([sys.executable, "-c", PROGRAM, file, folder], cwd=Path(__file__).parents[2], check=True)
        assert log.stat().st_ino == before, "the last one that closes it removes it"
        assert len(index.passages(range(1000))) == 4


def test_the_file_is_private(file: Path, folder: Path) -> None:
    old = os.umask(0)
    try:
        add(file, folder)
    finally:
        os.umask(old)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_newer_index_is_left_alone(file: Path, folder: Path) -> None:
    add(file, folder)
    with closing(sqlite3.connect(file)) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    before = file.read_bytes()
    with pytest.raises(DocumentError, match="written by a newer llm-tui"):
        DocumentIndex(file)
    assert file.read_bytes() == before


def test_the_database_of_another_program_is_left_alone(file: Path) -> None:
    file.parent.mkdir()
    with closing(sqlite3.connect(file)) as db:
        db.execute("CREATE TABLE theirs (x)")
    before = file.read_bytes()
    with pytest.raises(DocumentError, match="of another program"):
        DocumentIndex(file)
    assert file.read_bytes() == before


def test_texts_that_are_damaged_say_what_to_do(file: Path, folder: Path) -> None:
    add(file, folder)
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("UPDATE documents SET texts = x'00ff'")
    with pytest.raises(DocumentError, match="is damaged"):
        texts(file)


def test_words_go_with_their_document(file: Path, folder: Path) -> None:
    add(file, folder)
    (folder / "pump.md").write_text("# Other\n\nNothing.\n")
    add(file, folder)
    with DocumentIndex(file) as index:
        assert index.by_words(["pump"], (), 10) == []
        assert len(index.by_words(["nothing"], (), 10)) == 1
        index.add_root("house", folder.parent)
    is_sound(file)


@pytest.mark.parametrize("damage", ["torn", "overwritten", "no database"])
def test_a_damaged_index_says_what_to_do(file: Path, folder: Path, damage: str) -> None:
    add(file, folder)
    content = file.read_bytes()
    with file.open("r+b") as out:
        if damage == "torn":
            out.truncate(len(content) // 2 // 4096 * 4096)
        elif damage == "overwritten":
            out.seek(4096)
            out.write(b"\xff" * (len(content) - 4096))
        else:
            out.write(b"This is no database at all, and never was one. " * 3)
    with pytest.raises(DocumentError, match=r"is damaged .* Remove it and add the documents again") as failed:
        add(file, folder)
    assert "\n" not in str(failed.value)
    file.unlink()
    assert add(file, folder) == Changes(added=3)


def test_a_place_that_cannot_be_written(folder: Path) -> None:
    with pytest.raises(DocumentError, match="Cannot open or write"):
        DocumentIndex(Path("/proc/llm-tui/documents.db"))


def test_a_full_disk_is_said_and_adding_goes_on_when_there_is_room(folder: Path, tmp_path: Path) -> None:
    for number in range(40):
        (folder / f"{number}.txt").write_text("".join(f"Water {number}, {n}.\n\n" for n in range(2000)))
    with small_disk(tmp_path / "small", 1) as disk:
        file = disk / "documents.db"
        with pytest.raises(DocumentError, match=f"The disk of {file} is full"):
            add(file, folder)
        is_sound(file)
        known = len(texts(file))
        assert known > 0
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        changes = add(file, folder)
        assert changes.added + changes.unchanged == 43
        assert changes.unchanged > 0
        is_sound(file)


PROGRAM = """
import sys
from pathlib import Path
from tests.documents.stub_embedder import StubEmbedder
from tui.documents.adding import Changes, embed, refresh
from tui.documents.index import DocumentIndex
with DocumentIndex(Path(sys.argv[1])) as index:
    print("begun", flush=True)
    refresh(index, index.add_root("house", Path(sys.argv[2])), Changes())
    embed(index, StubEmbedder())
"""


@pytest.mark.parametrize("times", [3, pytest.param(30, marks=pytest.mark.slow)])
def test_killed_at_any_moment_the_index_is_sound_and_nothing_is_in_it_twice(
    file: Path, folder: Path, times: int
) -> None:
    chance = random.Random(16)
    for number in range(120):
        (folder / f"{number}.txt").write_text("".join(f"Water {number}, {n}.\n\n" for n in range(100)))
    for _ in range(times):
        command = [sys.executable, "-c", PROGRAM, str(file), str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as process:
            assert process.stdout and process.stdout.readline() == b"begun\n"
            time.sleep(chance.random() / 4)
            process.send_signal(signal.SIGKILL)
        is_sound(file)
        with closing(sqlite3.connect(file)) as db:
            assert db.execute("SELECT path FROM documents GROUP BY path HAVING count(*) > 1").fetchall() == []
    add(file, folder)
    assert len(set(texts(file))) == len(texts(file)) > 123
    is_sound(file)
