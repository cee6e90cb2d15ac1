"""Titles found by typed words: which, and in which order."""

import pytest

from tui.formatting.matching import matching

TITLES = ["Undo", "New session", "Find in session", "Session settings", "Résumé"]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("", TITLES),
        ("session", ["Session settings", "New session", "Find in session"]),
        ("in se", ["Find in session", "Session settings"]),
        ("ESSION", ["New session", "Find in session", "Session settings"]),
        ("nwse", ["New session"]),
        ("résumé", ["Résumé"]),
        ("quit", []),
    ],
)
def test_the_best_match_is_first(typed: str, found: list[str]) -> None:
    assert [title for _, title in matching(TITLES, typed, str)] == found


def test_long_titles_of_the_same_letters_take_no_time() -> None:
    """A search for every way in which letters can match never ends here."""
    assert matching(["a b" * 1000], "a" * 500, str)
