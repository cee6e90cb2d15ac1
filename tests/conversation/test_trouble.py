"""What cannot be written is kept and said, the database stays sound, and a process that dies takes nothing with it."""

import os
import random
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from tests.conversation.conversations import shape, talk
from tests.conversation.disk import WITHOUT_PRIVILEGES, open_up, python, small_disk
from tests.conversation.integrity import sound
from tui.storage.store import Store

# ---- what cannot be written


def test_a_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2) as disk:
        store = Store(disk / "s.db")
        first, second = talk("first"), talk("second")
        store.save(first)
        store.save(second)
        ballast = disk / "ballast"
        with ballast.open("wb", 0) as file, pytest.raises(OSError):
            while True:
                file.write(bytes(4096))
        for number in range(40):
            first.tree.add("user", f"{number} " + os.urandom(8000).hex())
            store.save(first)
        assert "full" in store.trouble
        second.tree.add("user", "while it is full")
        third = talk("begun while it is full")
        third.tree.begin("assistant")
        for conversation in (second, third):
            store.save(conversation)
        assert "full" in store.trouble
        assert len(store.sessions(5)) == 2
        assert store.open(third.id) is third
        ballast.unlink()
        store.flush()
        assert store.trouble == ""
        other = Store(store.file)
        for conversation in (first, second, third):
            assert shape(other.read(conversation.id).tree) == shape(conversation.tree)
        other.close()
        store.close()
        assert sound(store.file)


def test_a_deletion_on_a_full_disk_is_made_up_for(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2) as disk:
        store = Store(disk / "s.db")
        gone, back = talk(*("word " * 500 for _ in range(100))), talk("brought back")
        store.save(gone)
        store.save(back)
        with (disk / "ballast").open("wb", 0) as file, pytest.raises(OSError):
            while True:
                file.write(bytes(4096))
        store.delete(gone)
        store.delete(back)
        store.save(back)
        assert "full" in store.trouble
        (disk / "ballast").unlink()
        store.close()
        assert store.trouble == ""
        store = Store(disk / "s.db")
        assert [listing.id for listing in store.sessions(5)] == [back.id]
        store.close()
        assert sound(store.file)


def test_what_was_closed_can_be_read_from_a_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2) as disk:
        store = Store(disk / "s.db")
        kept = talk("kept")
        store.save(kept)
        store.close()
        with (disk / "ballast").open("wb", 0) as file, pytest.raises(OSError):
            while True:
                file.write(bytes(4096))
        for _ in range(2):
            store = Store(disk / "s.db")
            assert shape(store.open(kept.id).tree) == shape(kept.tree)
            assert store.search("kept")
            kept.tree.add("user", "while it is full")
            store.save(kept)
            assert "full" in store.trouble
            store.close()
            kept = store.read(kept.id)
        (disk / "ballast").unlink()
        store = Store(disk / "s.db")
        assert shape(store.open(kept.id).tree) == shape(kept.tree)
        store.close()
        assert sound(store.file)


READ_ONLY = f"""
import sys
from pathlib import Path
from tui.conversation.conversation import Conversation
from tui.storage.store import Store
{WITHOUT_PRIVILEGES}
directory = Path(sys.argv[1])
store = Store(directory / "s.db")
found = bool(store.search("before"))
print(len(store.sessions(5)), found, bool(store.trouble), "read-only" in store.note, flush=True)
conversation = store.open(store.sessions(5)[0].id) if store.sessions(5) else Conversation()
conversation.tree.add("user", "written in vain")
store.save(conversation)
print(store.holds(conversation.id), store.trouble, flush=True)
input()
store.save(conversation)
store.close()
print(store.trouble)
"""


@pytest.mark.parametrize("there", [True, False])
def test_a_directory_that_cannot_be_written(tmp_path: Path, there: bool) -> None:
    open_up(tmp_path)
    directory = tmp_path / "home"
    directory.mkdir()
    if there:
        store = Store(directory / "s.db")
        store.save(talk("before"))
        store.close()
        (directory / "s.db").chmod(0o644)
    directory.chmod(0o555)
    process = python(READ_ONLY, directory, stdin=-1)
    assert process.stdin and process.stdout
    assert process.stdout.readline() == ("1 True False True\n" if there else "0 False True False\n")
    said = process.stdout.readline()
    assert said.startswith("True ") and "Cannot open or write" in said
    directory.chmod(0o777)
    for path in directory.iterdir():
        path.chmod(0o777)
    process.stdin.write("\n")
    process.stdin.close()
    assert process.stdout.read() == "\n"
    assert process.wait() == 0
    store = Store(directory / "s.db")
    assert len(store.search("vain")) == 1
    store.close()
    assert sound(directory / "s.db")


def test_a_database_that_somebody_keeps_locked(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.db")
    conversation = talk("before")
    store.save(conversation)
    blocker = sqlite3.connect(store.file, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    conversation.tree.add("user", "meanwhile")
    started = time.monotonic()
    store.save(conversation)
    assert "locked by another program" in store.trouble
    waited, started = time.monotonic() - started, time.monotonic()
    store.save(conversation)
    assert time.monotonic() - started < 0.5 < waited < 5
    assert len(store.read(conversation.id).tree) == 1
    blocker.execute("ROLLBACK")
    store.flush()
    assert store.trouble == ""
    assert len(store.read(conversation.id).tree) == 2


def test_one_session_that_cannot_be_written_does_not_hold_up_the_others(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.db")
    bad, good = talk("bad"), talk("good")
    store.save(bad)
    store._connected().execute(
        "CREATE TRIGGER t BEFORE INSERT ON nodes WHEN new.text = 'x' BEGIN SELECT raise(FAIL, 'no'); END"
    )
    bad.tree.add("user", "x")
    store.save(bad)
    assert "no" in store.trouble
    store.save(good)
    assert "no" in store.trouble
    assert len(store.read(good.id).tree) == 1
    store._connected().execute("DROP TRIGGER t")
    store.flush()
    assert store.trouble == ""
    assert len(store.read(bad.id).tree) == 2


# ---- processes that die


WRITER = """
import sys, time
from pathlib import Path
from tui.conversation.conversation import Conversation
from tui.storage.store import Store
store = Store(Path(sys.argv[1]))
for turn in range(1_000_000):
    conversation = Conversation()
    for _ in range(3):
        node = conversation.tree.add("user", f"question {turn} " + "blah " * 200)
        store.save(conversation)
        print(conversation.id, node.id, 0, flush=True)
        reply = conversation.tree.begin("assistant")
        for step in range(5):
            conversation.tree.grow(reply.id, f"{step} answer ")
            store.save(conversation)
            print(conversation.id, reply.id, step + 1, flush=True)
        conversation.tree.settle(reply.id, (1, 2), None)
        store.save(conversation)
    store.release(conversation.id)
"""


def test_a_process_killed_at_any_moment_loses_nothing_it_had_written(tmp_path: Path) -> None:
    file, chance = tmp_path / "s.db", random.Random(3)
    for _ in range(int(os.environ.get("LLM_TUI_KILLS", "6"))):
        process = python(WRITER, file)
        assert process.stdout
        process.stdout.readline()
        time.sleep(chance.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        lines = [line.split() for line in process.stdout.read().split("\n")[:-1]]  # one cut by the kill is no line
        process.wait()
        store = Store(file)
        assert not store.trouble
        trees = {session_id: store.read(session_id).tree for session_id, _, _ in lines}
        for session_id, node_id, steps in lines:
            node = trees[session_id][node_id]
            assert not node.growing
            assert node.text.count("answer") >= int(steps)
            assert node.outcome is None or node.outcome.reason == "interrupted"
        if lines:
            opened = store.open(lines[-1][0])
            assert store.holds(opened.id)
            reply = opened.tree.begin("assistant")
            opened.tree.grow(reply.id, "it goes on")
            opened.tree.settle(reply.id, (), None)
            store.save(opened)
        store.close()
        assert store.trouble == ""
        assert sound(file)
