"""A story's text and its tree say the same, however the text was edited."""

from hypothesis import given
from hypothesis import strategies as st

from tui.conversation.story import follow, pieces
from tui.conversation.tree import Tree


def written(tree: Tree, text: str, ids: tuple[int, ...]) -> str:
    node = tree.begin("model")
    tree.grow(node.id, text)
    tree.settle(node.id, ids, None)
    return node.id


def told(tree: Tree) -> str:
    return "".join(node.text for node in tree.path())


def test_what_the_model_wrote_keeps_its_ids() -> None:
    tree = Tree()
    follow(tree, "Once")
    written(tree, " upon", (7, 8))
    follow(tree, "Once upon a time")
    assert pieces(tree.path(), "any") == ["Once", [7, 8], " a time"]


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


def test_the_screen_may_show_symbols_for_what_the_model_wrote() -> None:
    tree = Tree()
    follow(tree, "Once")
    node = written(tree, "\x1b!", (9,))
    follow(tree, "Once␛!", lambda text: text.replace("\x1b", "␛"))
    assert tree.tip == node


@given(st.lists(st.text("ab", max_size=6), max_size=12))
def test_the_path_always_reads_the_text(versions: list[str]) -> None:
    tree = Tree()
    sizes = [0]
    for text in versions:
        follow(tree, text)
        assert told(tree) == text
        sizes.append(len(tree))
    assert sizes == sorted(sizes)
