"""Search: whatever is typed finds what is there, and never an error."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.conversation.conversation import Conversation
from tui.storage.errors import StoreError
from tui.storage.search import MAX_CHARACTERS, find
from tui.storage.store import Store

TEXTS = (
    "How is the weather in Zürich today?",
    "The weather is fine; the wind is not.",
    "Write a function: if (a != b) return a->next; // can't fail",
    "今日は東京へ行きました。",
    "AND OR NOT NEAR: these are words, too",
    "snake_case and CamelCase and 100% [sic]*",
    "In C++ a class can copy; C# cannot, c is older.",
    "Put it into .env (see issue #12), rather than into env.py or 12 others. Foo->bar(x) is a_b, café-bar, C:\\\\dir.",
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("search") / "s.db")
    for text in TEXTS:
        conversation = Conversation(title="Notes on weather" if "fine" in text else "")
        conversation.tree.add("user", text)
        store.save(conversation)
    return store


def found(store: Store, text: str) -> list[str]:
    """Which of the texts have it, titles left out."""
    return [store.read(hit.session_id).tree[hit.node_id].text for hit in store.search(text) if hit.node_id is not None]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("weather", [1, 0]),
        ("WEATHER fine", [1]),
        ("zurich", [0]),
        ("weat", [1, 0]),
        ("weat fine", []),
        ("fine weat", [1]),
        ('"the weather"', [1, 0]),
        ('"weather the"', []),
        ('"weat"', []),
        ('"the wea', [1, 0]),
        ("not", [4, 1]),
        ("AND", [5, 4]),
        ("NEAR(these words)", [4]),
        ("NEAR(words these)", []),
        ("words NEAR(", [4]),
        ("a AND b", []),
        ("can't", [2]),
        ("->", [7, 2]),
        ("-> next", [2]),
        ("!=", [2]),
        ("東京", [3]),
        ("東京 行き", [3]),
        ("東 weather", []),
        ("]*", [5]),
        ("%", [5]),
        ("snake_case", [5]),
        ("quagga", []),
        ("", []),
        ('""', []),
        ("*", [5]),
        ("C++", [6]),
        ("c++ class", [6]),
        ("c+", [6]),
        ("C#", [6]),
        ("(C++)", [6]),
        (".env", [7]),
        (".py", [7]),
        (".en", [7]),
        ("env.", [7]),
        ("#12", [7]),
        ("#1", [7]),
        ("#2", []),
        ("foo->bar", [7]),
        ("foo-> bar", [7]),
        ('"foo-> bar"', []),
        ("FOO->ba", [7]),
        ("a_b", [7]),
        ("a_", [7]),
        ("cafe-bar", [7]),
        ("CAFÉ-BAR", [7]),
        ("C:\\\\dir", [7]),
        ('"C++ a class', [6]),
        ('"issue #12"', [7]),
        ("issue #12 C++", []),
        ("weather? (today)", [0]),
    ],
)
def test_what_is_found(store: Store, typed: str, expected: list[int]) -> None:
    assert found(store, typed) == [TEXTS[index] for index in expected]


def test_titles_come_first_and_marks_show_what_was_found(store: Store) -> None:
    first, *_ = hits = store.search("weath")
    assert (first.node_id, first.extract, first.marks) == (None, "Notes on weather", ((9, 16),))
    assert [hit.title for hit in hits] == ["Notes on weather", "Notes on weather", TEXTS[0]]
    for hit in (*hits, *store.search("東京"), *store.search('"a->next"')):
        assert [hit.extract[start:end] for start, end in hit.marks] in (["weather"], ["東京"], ["a->next"])


def test_an_extract_is_short_wherever_in_a_long_text_it_was_found(tmp_path: Path) -> None:
    conversation = Conversation()
    conversation.tree.add("user", "blah " * 5000 + "needle → 針 " + "blah " * 5000)
    store = Store(tmp_path / "s.db")
    store.save(conversation)
    for typed, mark in (("needle", "needle"), ("針", "針"), ("→", "→")):
        (hit,) = store.search(typed)
        assert len(hit.extract) < 200
        assert [hit.extract[start:end] for start, end in hit.marks] == [mark]


def test_a_text_that_is_too_long_is_refused_and_a_long_one_is_not(store: Store) -> None:
    assert store.search("z " * (MAX_CHARACTERS // 2)) == []
    assert store.search("-" * MAX_CHARACTERS) == []
    with pytest.raises(StoreError, match="1001 characters"):
        store.search("a" * 1001)


@given(st.text(max_size=60) | st.text("\"*()^:+-{}[] aANDORNOTE\0'", max_size=30))
@settings(max_examples=300, deadline=None)
def test_nothing_that_can_be_typed_is_an_error(store: Store, typed: str) -> None:
    store.search(typed)


@given(st.sampled_from(TEXTS), st.integers(0, 60), st.integers(1, 60))
@settings(max_examples=100, deadline=None)
def test_what_was_copied_from_a_message_finds_it(store: Store, text: str, start: int, length: int) -> None:
    """From the beginning of a word on, as words in order."""
    begin = max((i for i in range(min(start, len(text)) + 1) if i == 0 or text[i - 1] == " "), default=0)
    typed = text[begin : begin + length]
    if typed.strip() and '"' not in typed:
        assert text in found(store, f'"{typed}')


def test_the_index_is_in_step_with_what_it_is_of(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.db")
    conversation = Conversation(title="first title")
    conversation.tree.add("user", "question")
    reply = conversation.tree.begin("assistant")
    conversation.tree.grow(reply.id, "answer in part")
    store.save(conversation)
    assert len(store.search("answer")) == 1
    _check_index(store)
    conversation.tree.grow(reply.id, " and whole")
    conversation.tree.settle(reply.id, (), None)
    conversation.title = "second title"
    store.save(conversation)
    assert len(store.search("whole")) == len(store.search("second")) == 1
    assert not store.search("first")
    _check_index(store)
    store.delete(conversation)
    assert not store.search("whole") and not store.search("second")
    _check_index(store)
    store.save(conversation)
    assert len(store.search("whole")) == 1
    _check_index(store)


def _check_index(store: Store) -> None:
    """FTS5's own comparison of an index with the texts that it is of."""
    db = store._connected()
    for table in ("words", "titles"):
        db.execute(f"INSERT INTO {table} ({table}, rank) VALUES ('integrity-check', 1)")


def test_a_reply_is_found_while_it_grows_as_it_is_when_it_is_settled(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.db")
    conversation = Conversation()
    conversation.tree.add("user", "What is C++?")
    reply = conversation.tree.begin("assistant")
    conversation.tree.grow(reply.id, "C++ is a compiled lang")
    store.save(conversation)
    for _ in range(2):
        for typed, marks in (
            ("comp", ["compiled"]),
            ("compiled lang", ["compiled", "lang"]),
            ("c++ lang", ["C++"]),
        ):
            (hit,) = store.search(typed)
            assert hit.node_id == reply.id and not hit.hidden
            assert [hit.extract[start:end] for start, end in hit.marks] == marks
        assert find(store.file, "compiled", 50, lambda: False) == store.search("compiled")
        assert [hit.node_id == reply.id for hit in store.search("c++")] == [True, False]
        if conversation.tree[reply.id].growing:
            conversation.tree.settle(reply.id, (), None)
            store.save(conversation)


def test_signs_are_marked_where_they_were_found(store: Store) -> None:
    for typed, mark in (("c++", "C++"), (".ENV", ".env"), ("#12", "#12"), ("foo->BAR", "Foo->bar")):
        (hit,) = store.search(typed)
        assert [hit.extract[start:end] for start, end in hit.marks] == [mark]
