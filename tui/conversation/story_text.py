"""Maps a freely edited story text to its tree of pieces and back."""

from collections.abc import Callable
from dataclasses import replace
from itertools import zip_longest
from typing import NamedTuple

from tui.conversation.tree import Node, Tree

# Given the nodes before a piece, the piece and a length: the number of its leading token ids that fit into so many
# characters, and how many characters they are.
Within = Callable[[list[Node], Node, int], tuple[int, int]]


class Place(NamedTuple):
    """A point of the story from which the model went on. What follows it in the tree are the versions there."""

    parent: str  # the piece before it
    start: int  # number of characters before it
    shown: Node | None  # the version on the path; None if it was taken back


def no_ids(_before: list[Node], _node: Node, _length: int) -> tuple[int, int]:
    """``Within`` without a model."""
    return 0, 0


def follow(tree: Tree, text: str, within: Within = no_ids) -> None:
    """Move the tip so that the path reads ``text``, reusing existing nodes and adding only the rest.

    If the user cut into a piece, the remaining part keeps its token ids.
    """
    taken, at, begun = _furthest(tree, text)
    tree.move(at)
    for reach, parent, node in begun:
        if reach <= taken:
            break
        before = tree.path(parent)
        start = sum(len(piece.text) for piece in before)
        count, known = within(before, node, reach - start)
        if start + known > taken:
            tree.move(parent)
            _lay(tree, _piece(node, 0, known, node.token_ids[:count]))
            taken = start + known
    if text[taken:]:
        tree.add("author", text[taken:])


def part(tree: Tree, length: int, within: Within = no_ids) -> None:
    """Move the tip to ``length`` characters, splitting a node if necessary. The rest remains as a version."""
    before: list[Node] = []
    behind = tree.path()
    while behind and length >= len(behind[0].text):
        length -= len(behind[0].text)
        before.append(behind.pop(0))
    tree.move(before[-1].id if before else None)
    if not (behind and length):
        return
    node = behind[0]
    count, known = within(before, node, length)
    if known:
        _lay(tree, _piece(node, 0, known, node.token_ids[:count]))
    if known < length:
        _lay(tree, _piece(node, known, length))
    point = tree.tip
    _lay(tree, _piece(node, length, len(node.text), node.token_ids[count:] if known == length else ()))
    for later in behind[1:]:
        _lay(tree, later)
    tree.move(point)


def last_place(tree: Tree, length: int) -> Place | None:
    """The last place within the first ``length`` characters of the path, their end included."""
    path, found, start = tree.path(), None, 0
    for node, after in zip_longest(path, path[1:]):
        start += len(node.text)
        if start > length:
            break
        if any(child.role == "model" for child in tree.children(node.id)):
            found = Place(node.id, start, after)
    return found


def version(tree: Tree, place: Place, step: int) -> Node | None:
    """The version ``step`` away from the one shown, or the first; None after the last, where another can be written.

    If one was taken back, another can be written at once, and what was there is a step back.
    """
    versions = tree.children(place.parent)
    if place.shown is None:
        return tree[tree.entered(place.parent) or versions[-1].id] if step < 0 else None
    index = max(0, tree.place(place.shown.id)[0] - 1 + step)
    return versions[index] if index < len(versions) else None


def pieces(nodes: list[Node], model: str, say: Callable[[list[int], str], bool]) -> list[str | list[int]]:
    """Prompt for ``model``: token ids for what it generated itself, text for the rest.

    ``say``: whether token ids (possibly imported) decode to exactly that text.
    """
    return [ids if (ids := list(node.ids_for(model))) and say(ids, node.text) else node.text for node in nodes]


def shared(one: str, other: str) -> int:
    """Length of the common prefix."""
    if other.startswith(one):
        return len(one)
    return next((index for index, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(other))


def _furthest(tree: Tree, text: str) -> tuple[int, str | None, list[tuple[int, str, Node]]]:
    """Longest prefix of the text made of whole nodes, and its last node (preferring the path, then the newest); then
    the nodes that extend further in part, furthest first: (length, parent, node).
    """
    here = {node.id for node in tree.path()}
    order = {node.id: number for number, node in enumerate(tree)}
    ends: list[tuple[int, bool, int, str | None]] = []
    begun: list[tuple[int, str, Node]] = []
    ways: list[tuple[int, str | None]] = [(0, None)]
    while ways:
        taken, at = ways.pop()
        ends.append((taken, at in here, order.get(at or "", -1), at))
        for child in tree.children(at):
            piece = child.text
            if piece and text.startswith(piece, taken):
                ways.append((taken + len(piece), child.id))
            elif at and child.token_ids and (common := shared(piece, text[taken : taken + len(piece)])):
                begun.append((taken + common, at, child))
    taken, _, _, at = max(ends)
    return taken, at, sorted(begun, key=lambda way: -way[0])


def _piece(node: Node, start: int, end: int, token_ids: tuple[int, ...] = ()) -> Node:
    """A slice of a node; without token ids it is the author's text."""
    outcome = node.outcome and replace(node.outcome, reason="parted", generated_tokens=len(token_ids))
    text = node.text[start:end]
    if node.role == "model" and token_ids:
        return replace(node, text=text, token_ids=token_ids, outcome=outcome)
    return replace(node, role="author", text=text, token_ids=(), outcome=None)


def _lay(tree: Tree, node: Node) -> None:
    """Move the tip to an equal child, or append the node."""
    for child in tree.children(tree.tip):
        if (child.role, child.text, child.token_ids) == (node.role, node.text, node.token_ids):
            tree.move(child.id)
            return
    tree.append(node)
