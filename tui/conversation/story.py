"""A story is one text that people edit freely and a tree of pieces: this brings the two together."""

from collections.abc import Callable

from tui.conversation.tree import Node, Tree


def follow(tree: Tree, text: str, shown: Callable[[str], str] = str) -> None:
    """Move the tip so that the path reads ``text``, along what the tree knows already and adding only the rest.

    ``shown`` tells how a node's text looks on the screen, where ``text`` was read; it keeps the length.
    """
    tip: str | None = None
    rest = text
    while rest and (piece := _longest(tree, tip, rest, shown)):
        tip, rest = piece.id, rest[len(piece.text) :]
    tree.move(tip)
    if rest:
        tree.add("author", rest)


def _longest(tree: Tree, parent: str | None, text: str, shown: Callable[[str], str]) -> Node | None:
    """The child that takes us furthest; among equals the one added last."""
    matching = [node for node in tree.children(parent) if node.text and text.startswith(shown(node.text))]
    return max(reversed(matching), key=lambda node: len(node.text), default=None)


def pieces(nodes: list[Node], model: str) -> list[str | list[int]]:
    """What ``model`` is to complete: ids for what it wrote itself, text for what others did."""
    return [list(node.ids_for(model)) or node.text for node in nodes]
