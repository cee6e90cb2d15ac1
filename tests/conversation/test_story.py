"""A story's text and its tree say the same, however the text was edited."""

from hypothesis import given
from hypothesis import strategies as st

from tui.conversation.story_text import follow, near, part, pieces, version
from tui.conversation.tree import Node, Tree


def written(tree: Tree, text: str, ids: tuple[int, ...]) -> str:
    node = tree.begin("model")
    tree.grow(node.id, text)
    tree.settle(node.id, ids, None)
    return node.id


def told(tree: Tree) -> str:
    return "".join(node.text for node in tree.path())


def believed(_ids: list[int], _text: str) -> bool:
    return True


def test_what_the_model_wrote_keeps_its_ids() -> None:
    tree = Tree()
    follow(tree, "Once")
    written(tree, " upon", (7, 8))
    follow(tree, "Once upon a time")
    assert pieces(tree.path(), "any", believed) == ["Once", [7, 8], " a time"]


def test_taking_back_goes_back_on_the_tree_and_keeps_what_was_there() -> None:
    tree = Tree()
    follow(tree, "Once")
    node = written(tree, " upon", (7, 8))
    follow(tree, "Once")
    assert told(tree) == "Once"
    assert tree.hidden() == 1
    follow(tree, "Once upon")
    assert tree.tip == node


def test_continuing_from_the_middle_keeps_the_rest_as_an_alternative() -> None:
    tree = Tree()
    follow(tree, "Once upon a time")
    whole = tree.tip
    follow(tree, "Once upon")
    assert told(tree) == "Once upon"
    assert whole in tree


@given(st.lists(st.text("ab", max_size=6), max_size=12))
def test_the_path_always_reads_the_text(versions: list[str]) -> None:
    tree = Tree()
    sizes = [0]
    for text in versions:
        follow(tree, text)
        assert told(tree) == text
        sizes.append(len(tree))
    assert sizes == sorted(sizes)


def by_letter(_before: list[Node], node: Node, length: int) -> tuple[int, int]:
    """As if each token were two letters."""
    count = min(length // 2, len(node.token_ids))
    return count, 2 * count


def test_what_is_left_of_a_piece_keeps_its_ids() -> None:
    tree = Tree()
    follow(tree, "Once")
    whole = written(tree, " upon ", (7, 8, 9))
    follow(tree, "Once upo", within=by_letter)
    assert pieces(tree.path(), "any", believed) == ["Once", [7, 8]]
    follow(tree, "Once up!", within=by_letter)
    assert pieces(tree.path(), "any", believed) == ["Once", [7], "p!"]
    follow(tree, "Once upon ", within=by_letter)
    assert tree.tip == whole


def test_parting_inside_a_piece_makes_what_stands_behind_an_alternative() -> None:
    tree = Tree()
    follow(tree, "Once")
    written(tree, " upon ", (7, 8, 9))
    follow(tree, "Once upon a time", within=by_letter)
    part(tree, len("Once upo"), by_letter)
    assert pieces(tree.path(), "any", believed) == ["Once", [7, 8]]
    (behind,) = tree.children(tree.tip)
    assert (behind.text, behind.token_ids) == ("n ", (9,))
    assert "".join(node.text for node in tree.path(tree.latest(tree.tip))) == "Once upon a time"
    other = written(tree, " his word", (5,))
    (found,) = near(tree, 12)
    assert found.shown == tree[other]
    assert version(tree, found, -1) == behind and version(tree, found, 1) is None


def test_parting_twice_at_the_same_place_adds_nothing() -> None:
    tree = Tree()
    follow(tree, "Once")
    written(tree, " upon ", (7, 8, 9))
    for length in (8, 7, 2):
        follow(tree, "Once upon ", within=by_letter)
        part(tree, length, by_letter)
        point, size = tree.tip, len(tree)
        follow(tree, "Once upon ", within=by_letter)
        part(tree, length, by_letter)
        assert (tree.tip, len(tree)) == (point, size)


@given(st.lists(st.text("ab", min_size=1, max_size=6), min_size=1, max_size=8), st.integers(0, 48))
def test_parting_reads_the_text_up_to_there_and_keeps_the_whole(texts: list[str], length: int) -> None:
    tree = Tree()
    for index, text in enumerate(texts):
        if index % 2:
            written(tree, text, tuple(range((len(text) + 1) // 2)))
        else:
            tree.add("author", text)
    whole = told(tree)
    part(tree, min(length, len(whole)), by_letter)
    assert told(tree) == whole[:length]
    assert "".join(node.text for node in tree.path(tree.latest(tree.tip))) == whole


def test_versions_are_those_of_the_last_place_up_to_the_cursor_where_the_model_went_on() -> None:
    tree = Tree()
    follow(tree, "Once")
    assert near(tree, 4) == []
    first = written(tree, " upon", ())
    second = written(tree, " a time", ())
    found = [near(tree, length) for length in (3, 4, 8, 9, 99)]
    shown = [[place.shown and place.shown.id for place in places] for places in found]
    assert shown == [[], [first], [first], [second], [second]]
    assert [[place.start for place in places] for places in found] == [[], [4], [4], [9], [9]]


def test_of_what_was_taken_back_another_version_can_be_written() -> None:
    tree = Tree()
    follow(tree, "Once")
    written(tree, " upon", ())
    second = written(tree, " a time", ())
    follow(tree, "Once upon")
    (place,) = near(tree, 9)
    assert place.start == 9 and place.shown is None
    assert version(tree, place, 1) is None and version(tree, place, -1) == tree[second]
    third = written(tree, " midnight", ())
    (place,) = near(tree, 99)
    assert place.shown == tree[third]
    assert version(tree, place, -1) == tree[second] and version(tree, place, 1) is None
    assert version(tree, place._replace(shown=tree[second]), -1) is None


def test_versions_by_hand_are_walked_from_where_they_branch_off_back_to_the_model() -> None:
    tree = Tree()
    follow(tree, "A dog")
    written(tree, " barks", ())
    follow(tree, "A dog barks at me")
    follow(tree, "A dog barks at you")
    assert [place.start for place in near(tree, 99)] == [11, 5]
    follow(tree, "A dog barks")
    taken_back, _ = near(tree, 99)
    assert (taken_back.start, taken_back.shown) == (11, None)
    assert near(tree, 4) == []
    follow(tree, "A big dog")
    (start,) = near(tree, 0)
    assert (start.parent, start.start) == (None, 0) and version(tree, start, -1) == tree.children(None)[0]


def test_ids_that_do_not_say_the_text_are_not_taken() -> None:
    tree = Tree()
    tree.add("author", "Once")
    node = tree.begin("model")
    tree.grow(node.id, " upon")
    tree.settle(node.id, (7, 8), None)
    asked = []
    assert pieces(tree.path(), "any", lambda ids, text: bool(asked.append((ids, text)))) == ["Once", " upon"]
    assert asked == [([7, 8], " upon")]
