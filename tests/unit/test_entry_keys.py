"""Keys of lorebook entries as they are typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.formatting.entry_keys import parse_keys, spell_keys


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        ("", ()),
        (" , ,", ()),
        ("lamp", ("lamp",)),
        ("lamp, oil lamp ,keeper", ("lamp", "oil lamp", "keeper")),
        ("/a{2,3}/i, b", ("/a{2,3}/i", "b")),
        (r"/a\/,b/, c", (r"/a\/,b/", "c")),
        ("and/or, b/c", ("and/or", "b/c")),
        ("/a, b", ("/a", "b")),
    ],
)
def test_commas_part_keys_except_within_a_regular_expression(typed: str, keys: tuple[str, ...]) -> None:
    assert parse_keys(typed) == keys


@given(st.lists(st.text("ab /{}1", min_size=1).map(str.strip).filter(lambda key: key and "/" not in key)))
def test_what_is_spelled_is_read_again(keys: list[str]) -> None:
    assert parse_keys(spell_keys(keys)) == tuple(keys)


@given(st.text("/,\\a "))
def test_any_text_is_read(text: str) -> None:
    assert all(key and key == key.strip() for key in parse_keys(text))
