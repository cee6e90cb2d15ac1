"""Maps a freely edited story text to its tree of pieces and back."""

from collections.abc import Callable
from dataclasses import replace
from itertools import zip_longest
from typing import NamedTuple

from tui.conversation.tree import Node, Outcome, Tree

# Given the nodes before a piece, the piece and a length: the number of its leading token ids that fit into so many
# characters, and how many characters they are.
Within = Callable[[list[Node], Node, int], tuple[int, int]]

PARTED = "parted"  # the reason of a piece that was cut, or put, where the story branches


class Place(NamedTuple):
    """A point of the story from which it goes on, or went on, in several ways: the versions there."""

    parent: str | None  # the piece before it; None at the start
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


def divided(nodes: list[Node], length: int, within: Within = no_ids) -> tuple[list[Node], list[Node], list[Node]]:
    """Divide a text of nodes: those before ``length`` characters, pieces of the node there, and what follows."""
    before: list[Node] = []
    behind = list(nodes)
    while behind and length >= len(behind[0].text):
        length -= len(behind[0].text)
        before.append(behind.pop(0))
    if not (behind and length):
        return before, [], behind
    node = behind[0]
    count, known = within(before, node, length)
    pieces = [_piece(node, 0, known, node.token_ids[:count])] if known else []
    pieces += [_piece(node, known, length)] if known < length else []
    rest = _piece(node, length, len(node.text), node.token_ids[count:] if known == length else ())
    return before, pieces, [rest, *behind[1:]]


def part(tree: Tree, length: int, within: Within = no_ids) -> None:
    """Move the tip to ``length`` characters, splitting a node if necessary. The rest remains as a version."""
    before, pieces, behind = divided(tree.path(), length, within)
    tree.move(before[-1].id if before else None)
    if not pieces:
        return
    for piece in pieces:
        _lay(tree, piece)
    point = tree.tip
    for later in behind:
        _lay(tree, later)
    tree.move(point)


def branch(
    tree: Tree, length: int, piece: str, token_ids: tuple[int, ...], model: str, within: Within = no_ids
) -> None:
    """Move the tip behind ``piece``, put after the first ``length`` characters; what stood there remains as a version.

    ``token_ids``: those that ``model`` reads for it.
    """
    part(tree, length, within)
    outcome = Outcome(PARTED, 0, 0, len(token_ids), None, 0.0, 0, model=model)
    _lay(tree, Node("", None, "model", piece, token_ids, outcome))


def places(tree: Tree) -> list[Place]:
    """The places of the path, in order: those with several versions, and those with one by the model."""
    found, start = [], 0
    path: list[Node | None] = [None, *tree.path()]
    for node, after in zip_longest(path, path[1:]):
        start += len(node.text) if node else 0
        place = Place(node.id if node else None, start, after)
        if others(tree, place) or by_model(tree, place):
            found.append(place)
    return found


def near(tree: Tree, length: int) -> list[Place]:
    """The places within the first ``length`` characters, the last first, back to the last where the model went on."""
    found: list[Place] = []
    for place in reversed([place for place in places(tree) if place.start <= length]):
        found.append(place)
        if by_model(tree, place):
            break
    return found


def by_model(tree: Tree, place: Place) -> bool:
    """True if the model went on there."""
    return any(child.role == "model" for child in tree.children(place.parent))


def others(tree: Tree, place: Place) -> bool:
    """True if there is a version that is not shown."""
    return len(tree.children(place.parent)) > (place.shown is not None)


def before(tree: Tree, place: Place) -> list[Node]:
    """The pieces before the place."""
    return [] if place.parent is None else tree.path(place.parent)


def version(tree: Tree, place: Place, step: int) -> Node | None:
    """The version ``step`` away from the one shown; None before the first and after the last.

    If one was taken back, that is a step back.
    """
    versions = tree.children(place.parent)
    if place.shown is None:
        return tree[tree.entered(place.parent) or versions[-1].id] if step < 0 else None
    index = tree.place(place.shown.id)[0] - 1 + step
    return versions[index] if 0 <= index < len(versions) else None


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
    outcome = node.outcome and replace(node.outcome, reason=PARTED, generated_tokens=len(token_ids))
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
