"""Two processes, or more, that use one database never hurt each other."""

import fcntl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from tests.conversation.conversations import talk
from tests.conversation.disk import python
from tests.conversation.integrity import sound
from tui.conversation.conversation import Conversation
from tui.storage.database import connect
from tui.storage.errors import ChangedElsewhereError, OpenElsewhereError
from tui.storage.session_locks import Locks
from tui.storage.store import OPEN_ELSEWHERE, Store


def test_a_session_open_in_one_is_read_only_in_the_other(tmp_path: Path) -> None:
    one, two = Store(tmp_path / "s.db"), Store(tmp_path / "s.db")
    conversation = talk("hello")
    reply = conversation.tree.begin("assistant")
    conversation.tree.grow(reply.id, "grows")
    one.save(conversation)
    assert two.changed() and not two.changed()
    seen = two.open(conversation.id)
    assert not two.holds(conversation.id)
    assert seen.tree[reply.id].growing
    for forbidden in (two.save, two.delete):
        with pytest.raises(OpenElsewhereError):
            forbidden(seen)
    conversation.tree.grow(reply.id, " and grows")
    one.save(conversation)
    assert two.changed()
    assert two.read(conversation.id).tree[reply.id].text == "grows and grows"
    # A third that starts does not take the reply for one that was left.
    three = Store(tmp_path / "s.db")
    assert three.read(conversation.id).tree[reply.id].growing
    three.close()
    conversation.tree.settle(reply.id, (), None)
    one.save(conversation)
    one.release(conversation.id)
    with pytest.raises(ChangedElsewhereError):
        two.save(seen)
    seen = two.open(conversation.id)
    assert two.holds(conversation.id)
    seen.tree.add("user", "now from here")
    two.save(seen)
    with pytest.raises(OpenElsewhereError):
        one.save(conversation)
    assert one.changed()
    assert len(one.open(conversation.id).tree) == 3
    one.close()
    two.close()
    assert (one.trouble, two.trouble) == ("", "")


def test_what_one_process_does_itself_is_no_change(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.db")
    store.save(talk("hello"))
    assert not store.changed()


def test_a_database_that_is_being_made_is_not_taken_for_another_program_s(tmp_path: Path) -> None:
    """Many connections look at it while one makes it, again and again."""

    def start(file: Path, together: Barrier) -> str:
        together.wait()
        db, note = connect(file)
        db.close()
        return note

    with ThreadPoolExecutor(6) as pool:
        for number in range(100):
            file, together = tmp_path / f"{number}.db", Barrier(6)
            starts = [pool.submit(start, file, together) for _ in range(6)]
            assert [begun.result() for begun in starts] == [""] * 6


CROWD = """
import sys
from pathlib import Path
from tui.conversation.conversation import Conversation
from tui.storage.store import OPEN_ELSEWHERE, Store
store = Store(Path(sys.argv[1]))
for number in range(30):
    conversation = Conversation(title=sys.argv[2])
    for _ in range(3):
        conversation.tree.add("user", "crowd " * 50)
        store.save(conversation)
    store.release(conversation.id)
store.close()
print(store.trouble)
"""


def test_several_processes_start_and_write_at_once(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "s.db"
    processes = [python(CROWD, file, number) for number in range(4)]
    for process in processes:
        assert process.communicate()[0] == "\n"
        assert process.returncode == 0
    store = Store(file)
    sessions = store.sessions(1000)
    assert sorted(session.title for session in sessions) == sorted(
        f"{number}" for number in range(4) for _ in range(30)
    )
    assert {len(store.read(session.id).tree) for session in sessions} == {3}
    store.close()
    assert sound(file)


def test_a_lock_is_let_go_when_its_process_dies(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from tui.storage.session_locks import Locks\n"
    code += "locks = Locks(Path(sys.argv[1])); print(locks.acquire('a' * 32), flush=True); input()"
    process = python(code, tmp_path / "locks", stdin=-1)
    assert process.stdout and process.stdout.readline() == "True\n"
    locks = Locks(tmp_path / "locks")
    assert not locks.acquire("a" * 32)
    assert locks.acquire("b" * 32)
    process.kill()
    process.wait()
    assert locks.acquire("a" * 32)
    locks.release_all()
    assert list((tmp_path / "locks").iterdir()) == []


def test_a_lock_on_a_file_that_was_removed_counts_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One process lets go, and removes the file, between another's opening of it and its locking."""
    one, two = Locks(tmp_path), Locks(tmp_path)
    assert one.acquire("a" * 32)
    real, calls = fcntl.flock, []

    def flock(descriptor: int, operation: int) -> None:
        calls.append(descriptor)
        if len(calls) == 1:
            one.release("a" * 32)
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    assert two.acquire("a" * 32)
    assert len(calls) == 2
    assert not one.acquire("a" * 32)


def test_a_conversation_kept_in_memory_when_another_opened_it(tmp_path: Path) -> None:
    """Neither is lost: what one could not write is still there, and said, until the other lets go."""
    one = Store(tmp_path / "s.db")
    conversation = Conversation()
    one.save(conversation)
    one._locks.release(conversation.id)  # as after a time in which no lock could be had
    two = Store(tmp_path / "s.db")
    two.open(conversation.id)
    conversation.tree.add("user", "kept")
    one.save(conversation)
    assert one.trouble == OPEN_ELSEWHERE
    two.close()
    one.flush()
    assert one.trouble == ""
    assert len(one.read(conversation.id).tree) == 1
