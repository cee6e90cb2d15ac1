"""Which turns go when a context is full: whole ones, the oldest first, and no more than is needed."""

import pytest

from tui.conversation.tree import Node, Tree
from tui.services.full_context import Cut, cut, plan


def path(*lengths: int, roles: tuple[str, ...] = ("user", "assistant")) -> list[Node]:
    """Messages of so many tokens: of the user and the model in turn."""
    tree = Tree()
    for number, length in enumerate(lengths):
        tree.add(roles[number % len(roles)], "w" * length)  # type: ignore[arg-type]
    return tree.path()


def tokens(nodes: list[Node]) -> int:
    return sum(len(node.text) for node in nodes)


def sizes(cut: Cut | None) -> tuple[list[int], list[int], int]:
    assert cut is not None
    return [len(node.text) for node in cut.removed], [len(node.text) for node in cut.kept], cut.tokens


@pytest.mark.parametrize(
    ("room", "expected"),
    [
        (95, ([10, 20], [30, 5, 30], 65)),
        (65, ([10, 20], [30, 5, 30], 65)),
        (64, ([10, 20, 30, 5], [30], 30)),
        (30, ([10, 20, 30, 5], [30], 30)),
        (1, ([10, 20, 30, 5], [30], 30)),
    ],
)
def test_the_fewest_turns_go_and_none_is_cut_in_two(room: int, expected: object) -> None:
    assert sizes(cut(path(10, 20, 30, 5, 30), room, tokens)) == expected


def test_the_last_turn_stays() -> None:
    assert cut(path(10), 1, tokens) is None
    assert cut(path(10, 5), 1, tokens) is None


def test_summaries_stay() -> None:
    summary, *rest = path(7, 10, 20, 30, roles=("system", "user", "assistant", "user"))
    assert sizes(cut([summary, *rest], 40, tokens)) == ([10, 20], [30], 37)
    assert cut([summary, rest[0]], 1, tokens) is None


def test_what_comes_before_the_first_question_goes_too() -> None:
    nodes = path(10, 20, 30, roles=("assistant", "user", "assistant"))
    assert sizes(cut(nodes, 50, tokens)) == ([10], [20, 30], 50)


def test_a_quarter_of_the_context_is_made_free() -> None:
    full = plan(path(10, 20, 30, 5, 40), 100, None, tokens)
    assert (full.needed, full.available) == (105, 100)
    assert sizes(full.left_out) == ([10, 20], [30, 5, 40], 75)
    assert full.target.text == "w" * 40


def test_less_is_made_free_for_a_short_reply() -> None:
    nodes = path(30, 1, 10, 10, 70)
    assert sizes(plan(nodes, 100, 8, tokens).left_out) == ([30, 1], [10, 10, 70], 90)
    assert sizes(plan(nodes, 100, None, tokens).left_out) == ([30, 1, 10, 10], [70], 70)


def test_what_would_not_help_is_not_offered() -> None:
    full = plan(path(10, 10, 120), 100, None, tokens)
    assert full.left_out is None and full.compacted is None, "the message alone is too long"
    full = plan(path(10, 10, 80), 100, None, tokens)
    assert full.left_out is not None and full.compacted is None, "a summary would not fit beside it"
    assert plan(path(120), 100, None, tokens).left_out is None
