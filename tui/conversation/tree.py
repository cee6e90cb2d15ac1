"""Conversation tree (pure data). Operations move the tip or add a node; nothing is overwritten.

Nodes are messages in a chat, and consecutive pieces of one text in a story. The path from the root to the tip is shown
and is the model's prompt.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any, Literal

from tui.conversation.quotes import Quote

# system, user and assistant in a chat; author and model in a story
Role = Literal["system", "user", "assistant", "author", "model"]

EDITED = "edited"  # the reason of a reply that the user has written anew


@dataclass(frozen=True)
class Outcome:
    """Finish reason and statistics of a generated node, with its sampling parameters.

    ``model``: the session's name of the model that wrote it; empty if unknown.
    """

    reason: str
    prompt_tokens: int
    reused_tokens: int
    generated_tokens: int
    first_token_seconds: float | None
    total_seconds: float
    seed: int
    params: Mapping[str, Any] = field(default_factory=dict)
    model: str = ""


@dataclass(frozen=True)
class Node:
    """``token_ids``: ids sampled for ``text``, used instead of encoding it; empty for typed text.

    ``context_start``: id of the first message that the model saw, if older turns were left out of a full context.
    ``quotes``: passages of documents that were found for a question; None if none were looked for.
    """

    id: str
    parent: str | None
    role: Role
    text: str
    token_ids: tuple[int, ...] = ()
    outcome: Outcome | None = None
    growing: bool = False
    context_start: str | None = None
    quotes: tuple[Quote, ...] | None = None

    def ids_for(self, model: str) -> tuple[int, ...]:
        """``token_ids`` if ``model`` sampled them, else empty."""
        sampled = self.role in ("assistant", "model")
        return self.token_ids if sampled and (self.outcome is None or self.outcome.model in ("", model)) else ()


class Tree:
    """Immutable nodes by id, and a tip. Only a ``growing`` node, or a question that passages are found for, is ever
    replaced.
    """

    def __init__(self) -> None:
        self.tip: str | None = None
        self._nodes: dict[str, Node] = {}
        self._children: dict[str | None, list[str]] = {None: []}
        self._entered: dict[str | None, str] = {}  # child on the most recent path of the tip

    @classmethod
    def of(cls, nodes: Iterable[Node], tip: str | None, entered: Mapping[str | None, str]) -> "Tree":
        """Restore a tree from its nodes, parents first. Raises ValueError if they are inconsistent."""
        tree = cls()
        for node in nodes:
            if node.id in tree or node.parent not in tree._children:
                raise ValueError("duplicate node, or a node before its parent")
            tree._attach(node)
        if tip is not None and tip not in tree:
            raise ValueError("the tip is not among the nodes")
        if any(child not in tree or tree[child].parent != parent for parent, child in entered.items()):
            raise ValueError("a node was entered from one that is not its parent")
        tree.tip = tip
        tree._entered = dict(entered)
        return tree

    def __len__(self) -> int:
        return len(self._nodes)

    def __iter__(self) -> Iterator[Node]:
        """Iterate in insertion order."""
        return iter(self._nodes.values())

    def __contains__(self, node_id: object) -> bool:
        return node_id in self._nodes

    def __getitem__(self, node_id: str) -> Node:
        return self._nodes[node_id]

    # ---- reading

    def path(self, node_id: str | None = None) -> list[Node]:
        """Nodes from the root to ``node_id`` (default: the tip)."""
        nodes: list[Node] = []
        current = self.tip if node_id is None else node_id
        while current is not None:
            nodes.append(self._nodes[current])
            current = nodes[-1].parent
        return nodes[::-1]

    def children(self, node_id: str | None) -> list[Node]:
        """Children in insertion order; of None, the roots."""
        return [self._nodes[child] for child in self._children[node_id]]

    def abandoned(self, path: Sequence[Node], model: str, most: int) -> list[tuple[int, ...]]:
        """Ids that ``model`` sampled off the path, at most ``most``: of its last node's siblings, then the newest."""
        here = {node.id for node in path}
        nodes = [node for node in reversed(self._nodes.values()) if node.id not in here]
        nodes.sort(key=lambda node: node.parent != path[-1].parent)
        found = [ids for node in nodes if (ids := node.ids_for(model))]
        return [ids for ids, total in zip(found, accumulate(map(len, found)), strict=True) if total <= most]

    def siblings(self, node_id: str) -> list[Node]:
        """The node and its siblings."""
        return self.children(self._nodes[node_id].parent)

    def place(self, node_id: str) -> tuple[int, int]:
        """Position of the node among its siblings (from 1) and their count."""
        family = self._children[self._nodes[node_id].parent]
        return family.index(node_id) + 1, len(family)

    def entered(self, node_id: str | None) -> str | None:
        """The child (a root, for None) on the most recent path of the tip."""
        return self._entered.get(node_id)

    def latest(self, node_id: str | None) -> str | None:
        """The most recent leaf below the node (below the roots, for None)."""
        while children := self._children[node_id]:
            node_id = self._entered.get(node_id, children[-1])
        return node_id

    def hidden(self) -> int:
        """Number of rolled-back nodes between the tip and its latest leaf."""
        leaf = self.latest(self.tip)
        return 0 if leaf is None else len(self.path(leaf)) - len(self.path())

    def contents(self) -> tuple[dict[str, Node], dict[str | None, str]]:
        """Copies: the nodes by id, in the order in which they were added, and the child entered of each."""
        return dict(self._nodes), dict(self._entered)

    # ---- moving the tip

    def move(self, node_id: str | None) -> None:
        """Move the tip to a node; None is before the first one."""
        self.tip = node_id
        for node in self.path():
            self._entered[node.parent] = node.id

    def walk(self, node_id: str, step: int) -> None:
        """Move to the sibling ``step`` positions away (clamped) and down to its latest leaf."""
        family = self._children[self._nodes[node_id].parent]
        index = min(max(family.index(node_id) + step, 0), len(family) - 1)
        self.move(self.latest(family[index]))

    # ---- adding nodes

    def add(self, role: Role, text: str) -> Node:
        """Append a message and move the tip to it."""
        return self._insert(Node(uuid.uuid4().hex, self.tip, role, text))

    def append(self, node: Node) -> Node:
        """Append a copy of a node, not growing, and move the tip to it."""
        return self._insert(replace(node, id=uuid.uuid4().hex, parent=self.tip, growing=False))

    def edit(self, node_id: str, text: str) -> Node:
        """Add a sibling with other text."""
        old = self._nodes[node_id]
        return self._insert(Node(uuid.uuid4().hex, old.parent, old.role, text))

    def rewrite(self, node_id: str, text: str, token_ids: tuple[int, ...], model: str) -> Node:
        """Add a sibling of a reply with text by the user. ``token_ids``: of that text, for ``model``; or none."""
        old = self._nodes[node_id]
        outcome = Outcome(EDITED, 0, 0, 0, None, 0.0, 0, model=model if token_ids else "")
        fresh = replace(old, id=uuid.uuid4().hex, text=text, token_ids=token_ids, outcome=outcome, growing=False)
        return self._insert(fresh)

    def begin(self, role: Role, parent: str | None = None, context_start: str | None = None) -> Node:
        """Append an empty, growing node after ``parent`` (default: the tip)."""
        node_id = uuid.uuid4().hex
        return self._insert(Node(node_id, parent or self.tip, role, "", growing=True, context_start=context_start))

    def regenerate(self, node_id: str) -> Node:
        """Add an empty, growing sibling of a reply, which sees the same context."""
        old = self._nodes[node_id]
        start = old.context_start
        return self._insert(Node(uuid.uuid4().hex, old.parent, old.role, "", growing=True, context_start=start))

    def resume(self, node_id: str, model: str, context_start: str | None = None) -> Node:
        """Add a growing sibling that starts with the reply's text, continued by ``model``."""
        old = self._nodes[node_id]
        start, ids = context_start or old.context_start, old.ids_for(model)
        fresh = replace(old, id=uuid.uuid4().hex, token_ids=ids, outcome=None, growing=True, context_start=start)
        return self._insert(fresh)

    def branch(self, node_id: str, text: str, token_ids: tuple[int, ...]) -> Node:
        """Add a growing sibling of a reply that starts with ``text``, for which the ids stand."""
        old = self._nodes[node_id]
        fresh = replace(old, id=uuid.uuid4().hex, text=text, token_ids=token_ids, outcome=None, growing=True)
        return self._insert(fresh)

    def fork(self, node_id: str) -> "Tree":
        """A new tree with a copy of the path to the node."""
        twin = Tree()
        copies: dict[str | None, str] = {}
        for node in self.path(node_id):
            copies[node.id] = twin.append(replace(node, context_start=copies.get(node.context_start))).id
        return twin

    def compact(self, summary: Node, kept: Iterable[Node]) -> None:
        """Add a branch of the summary and copies of the messages ``kept``. What it stands for stays as it is."""
        self.move(None)
        for node in (summary, *kept):
            self.append(replace(node, context_start=None))

    def quote(self, node_id: str, quotes: tuple[Quote, ...]) -> Node:
        """Add the passages that were found for a question, which keeps them from now on."""
        node = self._nodes[node_id]
        if node.role != "user" or node.quotes is not None:
            raise ValueError("passages are found once, for a question")
        self._nodes[node_id] = replace(node, quotes=quotes)
        return self._nodes[node_id]

    # ---- a growing reply

    def grow(self, node_id: str, text: str) -> Node:
        """Append ``text`` to a growing node."""
        node = self._growing(node_id)
        self._nodes[node_id] = replace(node, text=node.text + text)
        return self._nodes[node_id]

    def settle(self, node_id: str, token_ids: tuple[int, ...], outcome: Outcome | None) -> Node:
        """Finish a growing node, which is immutable from now on."""
        node = self._growing(node_id)
        self._nodes[node_id] = replace(node, token_ids=token_ids, outcome=outcome, growing=False)
        return self._nodes[node_id]

    def abandon(self, node_id: str, tip: str | None) -> None:
        """Remove an empty growing node; if the tip is on it, move it to ``tip``."""
        self._growing(node_id)
        self._remove(node_id, tip)

    def take_back(self, node_id: str) -> None:
        """Remove a message without a reply, whose text is typed anew; if the tip is on it, move it before."""
        self._remove(node_id, self._nodes[node_id].parent)

    def _remove(self, node_id: str, tip: str | None) -> None:
        node = self._nodes[node_id]
        if self._children[node_id]:
            raise ValueError("a node with children cannot be removed")
        del self._nodes[node_id], self._children[node_id]
        self._children[node.parent].remove(node_id)
        if self._entered.get(node.parent) == node_id:
            del self._entered[node.parent]
        if self.tip == node_id:
            self.move(tip)

    def _growing(self, node_id: str) -> Node:
        node = self._nodes[node_id]
        if not node.growing:
            raise ValueError("a settled node never changes")
        return node

    def _insert(self, node: Node) -> Node:
        onward = node.parent == self.tip
        self._attach(node)
        if onward:  # the path to the parent is entered already
            self.tip = self._entered[node.parent] = node.id
        else:
            self.move(node.id)
        return node

    def _attach(self, node: Node) -> None:
        self._nodes[node.id] = node
        self._children[node.id] = []
        self._children[node.parent].append(node.id)


def in_context(path: Sequence[Node]) -> list[Node]:
    """The nodes that the model sees of a path: system prompts, and what the last reply's context started with on."""
    first = next((node.context_start for node in reversed(path) if node.context_start), None)
    return seen_from(path, next((index for index, node in enumerate(path) if node.id == first), 0))


def last_question(path: Sequence[Node]) -> Node | None:
    """The user's last message of a path."""
    return next((node for node in reversed(path) if node.role == "user"), None)


def seen_from(path: Sequence[Node], start: int) -> list[Node]:
    """The nodes from ``start`` on, and the system prompts before them."""
    return [*(node for node in path[:start] if node.role == "system"), *path[start:]]
