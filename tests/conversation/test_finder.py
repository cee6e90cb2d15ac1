"""Searching on a thread of its own, while the store goes on."""

from pathlib import Path

import pytest

from tui.conversation.conversation import Conversation
from tui.storage.errors import StoreError
from tui.storage.search import find
from tui.storage.store import Store


def wanted() -> bool:
    return False


def full(file: Path, messages: int) -> Store:
    store = Store(file)
    conversation = Conversation()
    for number in range(messages):
        conversation.tree.add("user", f"message {number} " + "word " * 100)
    store.save(conversation)
    return store


def test_it_finds_what_the_store_finds_and_what_is_written_meanwhile(tmp_path: Path) -> None:
    store = full(tmp_path / "s.db", 3)
    assert find(store.file, "message 1", 50, wanted) == store.search("message 1") != []
    other = Conversation(title="quagga")
    store.save(other)
    (hit,) = find(store.file, "quagga", 50, wanted)
    assert (hit.session_id, hit.updated) == (other.id, other.updated)
    store.close()


def test_it_ends_when_nobody_wants_the_answer_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.storage.search.STEPS", 1000)
    store = full(tmp_path / "s.db", 1000)
    asked = []

    def unwanted() -> bool:
        asked.append(True)
        return True

    def ever() -> bool:
        asked.append(False)
        return False

    assert find(store.file, "~~", 50, unwanted) == []
    assert find(store.file, "~~", 50, ever) == []
    # Were the search to go on after the first answer, it would ask as often.
    assert 1 <= asked.count(True) < asked.count(False)
    store.close()


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"s\.db"):
        find(tmp_path / "s.db", "word", 50, wanted)
    store = full(tmp_path / "t.db", 1)
    with pytest.raises(StoreError, match="1001 characters"):
        find(store.file, "a" * 1001, 50, wanted)
    store.close()
