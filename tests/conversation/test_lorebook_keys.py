"""Keys of lorebook entries in a text."""

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.conversation.lorebook import Entry, Secondary
from tui.conversation.lorebook_keys import FOR_ALL, SCANNED, KeyProblem, Scan


def called(text: str, *keys: str, **more: object) -> bool:
    return Scan(text).calls_for(Entry(keys=keys, text="x", **more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("The Lamp burns.", "lamp"),
        ("the lamp burns", "LAMP"),
        ("the lamp", "  lamp "),
        ("lamp's oil", "lamp"),
        ("(lamp)", "lamp"),
        ("an old whale  oil lamp", "oil lamp"),
        ("the Straße", "STRASSE"),
        ("naïve", "Naïve"),
        ("it costs 5 €", "€"),
        ("C++ is old", "c++"),
        ("私は東京に行く", "東京"),
        ("lamp_post", "lamp"),
    ],
)
def test_words_are_found_whatever_their_case(text: str, key: str) -> None:
    assert called(text, key)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("the lamps", "lamp"),
        ("clamp", "lamp"),
        ("lamp2", "lamp"),
        ("oil lamps", "oil lamp"),
        ("any text", ""),
        ("any text", " \n"),
        ("", "lamp"),
        ("C++ is old", "d++"),
    ],
)
def test_parts_of_words_and_empty_keys_are_not(text: str, key: str) -> None:
    assert not called(text, key)


def test_an_entry_may_ask_for_case_or_for_parts_of_words() -> None:
    assert not called("the lamp", "Lamp", case=True) and called("the Lamp", "Lamp", case=True)
    assert called("the lamps", "lamp", whole=False) and not called("the lamps", "Lamp", whole=False, case=True)


def test_any_of_the_keys_is_enough_and_constant_entries_need_none() -> None:
    assert called("the lamp", "harbour", "lamp") and not called("the lamp", "harbour", "keeper")
    assert not called("the lamp") and called("the lamp", constant=True)


@pytest.mark.parametrize(
    ("logic", "fitting"),
    [("any", {"a", "b", "ab"}), ("all", {"ab"}), ("not any", {""}), ("not all", {"", "a", "b"})],
)
def test_secondary_keys_decide_once_a_key_is_there(logic: Secondary, fitting: set[str]) -> None:
    for present in ("", "a", "b", "ab"):
        text = " ".join(["lamp", *present])
        assert called(text, "lamp", secondary=("a", "b"), logic=logic) == (present in fitting)
        assert not called(text, "keeper", secondary=("a", "b"), logic=logic)
    assert called("lamp", "lamp", secondary=("", " "), logic="all"), "empty ones ask for nothing"


def test_keys_are_looked_for_near_the_end_only() -> None:
    assert called("lamp " + "x" * (SCANNED - 5), "lamp")
    assert not called("lamp " + "x" * SCANNED, "lamp")


@pytest.mark.parametrize(
    ("key", "text", "found"),
    [
        ("/ke(ep|pt)er/i", "the KEEPER", True),
        ("/ke(ep|pt)er/", "the KEEPER", False),
        (r"/\blamp\b/gi", "clamp lamps", False),
        ("/^ilse$/m", "one\nilse\ntwo", True),
        ("/a.b/s", "a\nb", True),
        (r"/and\/or/", "and/or", True),
        ("/", "a / b", True),
        ("a/b", "a/b", True),
    ],
)
def test_regular_expressions_stand_between_slashes(key: str, text: str, found: bool) -> None:
    assert called(text, key) == found


@pytest.mark.parametrize(
    ("key", "told"),
    [("/(/", "invalid"), ("/x/q", "unknown flag q"), ("/a{99999999999}/", "invalid"), (f"/{'x' * 2000}/", "too long")],
)
def test_a_regular_expression_that_is_none_is_told(key: str, told: str) -> None:
    with pytest.raises(KeyProblem, match=told):
        called("text", key)


def test_one_that_never_ends_is_stopped_and_not_tried_again() -> None:
    key, text = "/(x+x+)+y/", "x" * 3000
    begun = time.thread_time()
    for _ in range(20):
        with pytest.raises(KeyProblem, match="takes too long"):
            called(text, key)
    assert time.thread_time() - begun < 20 * FOR_ALL / 4, "it was tried once"


def test_many_that_take_long_share_one_limit() -> None:
    scan, begun = Scan("x" * 3000), time.thread_time()
    for number in range(50):
        with pytest.raises(KeyProblem, match="takes too long"):
            scan.calls_for(Entry(keys=(f"/(x+x+)+y{number}/",), text="x"))
    assert time.thread_time() - begun < 4 * FOR_ALL


def test_on_another_thread_nothing_would_stop_them() -> None:
    raised: list[BaseException] = []

    def scan() -> None:
        try:
            called("text", "/t/")
        except RuntimeError as error:
            raised.append(error)

    thread = threading.Thread(target=scan)
    thread.start()
    thread.join()
    assert len(raised) == 1


@given(st.text(alphabet="ab Ab\n.ß", max_size=30), st.text(alphabet="abAß", min_size=1, max_size=3))
def test_a_word_is_found_where_it_stands_alone(text: str, key: str) -> None:
    alone = text.replace("\n", " ").replace(".", " ").casefold().split()
    assert called(text, key) == (key.casefold() in alone)
