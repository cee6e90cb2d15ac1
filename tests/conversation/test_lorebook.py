"""Lorebooks keep what their files have, and change only what was changed."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conversation.lorebooks import book, card, world_info
from tui.conversation.lorebook import Book, BookError, Entry, read_book

ENTRIES = st.builds(
    Entry,
    name=st.text(max_size=8),
    keys=st.lists(st.text(max_size=8), max_size=3).map(tuple),
    secondary=st.lists(st.text(max_size=8), max_size=2).map(tuple),
    text=st.text(max_size=20),
    enabled=st.booleans(),
    constant=st.booleans(),
    order=st.integers(-1000, 1000),
)


def test_the_entries_of_a_lorebook() -> None:
    lighthouse, keeper, world, harbour = read_book(world_info()).entries
    assert lighthouse == Entry(
        "Lighthouse", ("lighthouse", "lamp"), text="The lamp of Skarn burns whale oil.\n", order=100
    )
    assert (keeper.keys, keeper.secondary, keeper.logic, keeper.order) == (
        ("/ke(ep|pt)er/i",),
        ("storm", "fog"),
        "any",
        50,
    )
    assert world.constant and world.usable and not world.keys
    assert not harbour.enabled
    assert read_book(world_info()).name == "Skarn — 灯台"


def test_the_entries_of_a_card() -> None:
    made = read_book(card())
    oil, boat = made.entries
    assert (oil.label, oil.priority, oil.order, oil.secondary, oil.case) == ("Oil", 5, 100, (), False)
    assert (boat.label, boat.secondary, boat.case) == ("boat", ("night",), True)
    assert (made.name, made.budget) == ("Ilse", 300)
    assert made.character == "Ilse keeps the lighthouse.\nPatient.\nUser has rowed to the island."
    assert made.filled(oil.text) == "Ilse buys oil in May."


def test_secondary_keys_count_only_if_the_entry_is_selective() -> None:
    value = card()
    value["data"]["character_book"]["entries"][1]["selective"] = False
    (_, boat) = read_book(value).entries
    assert boat.secondary == ()
    value = world_info()
    value["entries"]["1"] |= {"selectiveLogic": 2}
    assert read_book(value).entries[1].logic == "not any"


@pytest.mark.parametrize("value", [world_info, card])
def test_a_change_leaves_everything_else_as_it_was(value: Callable[[], dict[str, Any]]) -> None:
    before = read_book(value())
    changed = before.put(1, replace(before.entries[1], text="Changed.", keys=("new",), enabled=False))
    assert before.value == value(), "the book that was changed is another one"
    assert changed.entries == (before.entries[0], changed.entries[1], *before.entries[2:])
    assert changed.entries[1] == replace(before.entries[1], text="Changed.", keys=("new",), enabled=False)
    assert changed.put(1, before.entries[1]).value == value()
    raw, expected = raws(changed)[1], raws(before)[1]
    names = {name for name in raw if raw[name] != expected.get(name)}
    assert names == ({"content", "key", "disable"} if before.format == "world_info" else {"content", "keys", "enabled"})
    assert outer(changed) == outer(before)


def raws(made: Book) -> list[dict[str, Any]]:
    """The entries as they are in the file."""
    if made.format == "world_info":
        return list(made.value["entries"].values())
    return list(made.value["data"]["character_book"]["entries"])


def outer(made: Book) -> dict[str, Any]:
    """The file without its entries."""
    value = copy.deepcopy(dict(made.value))
    (value if made.format == "world_info" else value["data"]["character_book"]).pop("entries")
    return value


@given(entries=st.lists(ENTRIES, max_size=4))
def test_entries_of_ones_own_are_read_as_they_were_written(entries: list[Entry]) -> None:
    made = book(*entries)
    assert list(made.entries) == entries
    assert read_book(dict(made.value)).entries == made.entries


@given(entry=ENTRIES, at=st.integers(0, 1), kind=st.sampled_from([world_info, card]))
def test_an_entry_can_be_put_added_and_removed(entry: Entry, at: int, kind: Callable[[], dict[str, Any]]) -> None:
    made = read_book(kind())
    before = made.entries
    put = replace(before[at], **{name: getattr(entry, name) for name in ("name", "keys", "text", "order", "constant")})
    put = replace(put, name=put.name or "x")  # without a name, a card's comment is shown
    assert made.put(at, put).entries[at] == put
    assert made.add(entry).entries[:-1] == before and made.add(entry).entries[-1].text == entry.text
    assert made.add(entry).remove(len(before)).value == made.value
    assert made.remove(at).entries == before[:at] + before[at + 1 :]


def test_a_card_without_a_lorebook_can_have_one() -> None:
    value = card()
    del value["data"]["character_book"]
    made = read_book(value)
    assert made.entries == () and made.value == value
    more = made.add(Entry("Oil", ("oil",), text="Whale oil."))
    assert [entry.label for entry in more.entries] == ["Oil"]
    assert more.value["data"]["character_book"]["extensions"] == {}
    assert read_book(dict(more.value)).entries == more.entries


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ([], "not a JSON object"),
        ("entries", "not a JSON object"),
        ({}, "has no entries, and is no Character Card V2"),
        ({"entries": []}, "another format"),
        ({"entries": {"0": 7}}, r"an entry that is not an object \(number 1\)"),
        ({"entries": {"0": {"key": "lamp"}}}, "“key” is not a list of strings"),
        ({"entries": {"0": {}, "1": {"keysecondary": [1]}}}, r"“keysecondary” is not a list of strings \(number 2\)"),
        ({"entries": {"0": {"content": ["x"]}}}, "“content” is not a string"),
        ({"spec": "chara_card_v3", "spec_version": "3.0", "data": {}}, "version chara_card_v3 3.0; only chara_card_v2"),
        ({"data": {}}, "version None None"),
        ({"spec": "chara_card_v2", "spec_version": "2.0", "data": []}, "a card without data"),
        (
            {"spec": "chara_card_v2", "spec_version": "2.0", "data": {"character_book": {"entries": {}}}},
            "no list of entries",
        ),
    ],
)
def test_what_is_no_lorebook_is_refused_with_a_sentence(value: object, told: str) -> None:
    with pytest.raises(BookError, match=told):
        read_book(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
NAMES = (
    "order",
    "insertion_order",
    "priority",
    "disable",
    "enabled",
    "constant",
    "selective",
    "selectiveLogic",
    "name",
)


@given(fields=st.dictionaries(st.sampled_from((*NAMES, "comment", "extensions", "caseSensitive")), JSON))
def test_fields_of_any_type_are_kept_and_mean_something(fields: dict[str, Any]) -> None:
    cards = {"spec": "chara_card_v2", "spec_version": "2.0", "data": {"character_book": {"entries": [fields]}}}
    for value in ({"entries": {"0": fields}}, cards):
        made = read_book(value)
        (entry,) = made.entries
        assert made.put(0, entry).value == value
        assert isinstance(entry.order, int) and isinstance(entry.name, str) and isinstance(entry.constant, bool)
