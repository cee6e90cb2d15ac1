"""A story is one text that people edit freely and a tree of pieces: this brings the two together."""

from collections.abc import Callable
from dataclasses import replace

from tui.conversation.tree import Node, Tree

# Of a piece behind others: how many of its token ids, from the first on, make at most so many characters, and how many
# these are.
Within = Callable[[list[Node], Node, int], tuple[int, int]]


def no_ids(_before: list[Node], _node: Node, _length: int) -> tuple[int, int]:
    """``Within`` where no model is there to tell."""
    return 0, 0


def follow(tree: Tree, text: str, within: Within = no_ids) -> None:
    """Move the tip so that the path reads ``text``, along what the tree knows and adding only the rest.

    Where a person cut into a piece, what is left of it keeps its token ids.
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
    """Move the tip to where the path has ``length`` characters. What stands behind is one way to go on from there."""
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


def alternatives(tree: Tree, length: int) -> Node | None:
    """The last piece of the path that begins before ``length`` characters and was written by a model, or stands beside
    one that was: those beside it are other ways to go on from the same point.
    """
    found, start = None, 0
    for node in tree.path():
        if start >= length:
            break
        if node.parent is not None and any(sibling.role == "model" for sibling in tree.siblings(node.id)):
            found = node
        start += len(node.text)
    return found


def pieces(nodes: list[Node], model: str, say: Callable[[list[int], str], bool]) -> list[str | list[int]]:
    """What ``model`` is to complete: ids for what it wrote itself, text for what others did.

    ``say``: whether ids, which may have come with an imported file, say that text and no more.
    """
    return [ids if (ids := list(node.ids_for(model))) and say(ids, node.text) else node.text for node in nodes]


def shared(one: str, other: str) -> int:
    """How many characters both begin with."""
    if other.startswith(one):
        return len(one)
    return next((index for index, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(other))


def _furthest(tree: Tree, text: str) -> tuple[int, str | None, list[tuple[int, str, Node]]]:
    """How many characters of the text the tree knows, and the node they end with: of those that know as many, one on
    the path, else the one added last. And pieces that begin so that they go further, the furthest first: how far, the
    node before, the piece.
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
    """A part of a node; without ids it is no more than text."""
    outcome = node.outcome and replace(node.outcome, reason="parted", generated_tokens=len(token_ids))
    text = node.text[start:end]
    if node.role == "model" and token_ids:
        return replace(node, text=text, token_ids=token_ids, outcome=outcome)
    return replace(node, role="author", text=text, token_ids=(), outcome=None)


def _lay(tree: Tree, node: Node) -> None:
    """Go on behind the tip by what the node says: to the child that says so already, or to a new one."""
    for child in tree.children(tree.tip):
        if (child.role, child.text, child.token_ids) == (node.role, node.text, node.token_ids):
            tree.move(child.id)
            return
    tree.append(node)
