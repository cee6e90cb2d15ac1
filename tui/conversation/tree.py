"""The tree of a conversation: pure data. Every operation moves the tip or adds a node; nothing is overwritten.

A chat's nodes are messages; a story's nodes are pieces of one text, each the continuation of its parent. What is shown,
and what a model is given, is the path from the root to the tip.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

# system, user and assistant in a chat; author and model in a story
Role = Literal["system", "user", "assistant", "author", "model"]


@dataclass(frozen=True)
class Outcome:
    """How a generated node came to its end: counts in tokens, times in seconds, parameters as they were.

    ``model``: who wrote it, as the session named it; empty where nobody noted that.
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
    """``token_ids``: those sampled for ``text``, to be used instead of encoding it again; empty for typed text."""

    id: str
    parent: str | None
    role: Role
    text: str
    token_ids: tuple[int, ...] = ()
    outcome: Outcome | None = None
    growing: bool = False

    def ids_for(self, model: str) -> tuple[int, ...]:
        """``token_ids``, unless another model sampled them, to which they would say something else, or none did."""
        sampled = self.role in ("assistant", "model")
        return self.token_ids if sampled and (self.outcome is None or self.outcome.model in ("", model)) else ()


class Tree:
    """Nodes by id and a tip. Nodes are values; only one that is ``growing`` is ever replaced, by a longer one."""

    def __init__(self) -> None:
        self.tip: str | None = None
        self._nodes: dict[str, Node] = {}
        self._children: dict[str | None, list[str]] = {None: []}
        self._entered: dict[str | None, str] = {}  # which child the tip went through last

    @classmethod
    def of(cls, nodes: Iterable[Node], tip: str | None, entered: Mapping[str | None, str]) -> "Tree":
        """The tree that had these nodes, each behind its parent. Raises ValueError if they do not make one."""
        tree = cls()
        for node in nodes:
            if node.id in tree or node.parent not in tree._children:
                raise ValueError("a node is there twice or comes before its parent")
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
        """In the order in which they were added."""
        return iter(self._nodes.values())

    def __contains__(self, node_id: object) -> bool:
        return node_id in self._nodes

    def __getitem__(self, node_id: str) -> Node:
        return self._nodes[node_id]

    # ---- reading

    def path(self, node_id: str | None = None) -> list[Node]:
        """From the root to the node; to the tip if none is given."""
        nodes: list[Node] = []
        current = self.tip if node_id is None else node_id
        while current is not None:
            nodes.append(self._nodes[current])
            current = nodes[-1].parent
        return nodes[::-1]

    def children(self, node_id: str | None) -> list[Node]:
        """In the order in which they were added; of None, the roots."""
        return [self._nodes[child] for child in self._children[node_id]]

    def siblings(self, node_id: str) -> list[Node]:
        """The node and its alternatives."""
        return self.children(self._nodes[node_id].parent)

    def place(self, node_id: str) -> tuple[int, int]:
        """Which of how many siblings the node is, counted from one."""
        family = self._children[self._nodes[node_id].parent]
        return family.index(node_id) + 1, len(family)

    def entered(self, node_id: str | None) -> str | None:
        """The child of the node (of nothing, for None) through which the tip went last."""
        return self._entered.get(node_id)

    def latest(self, node_id: str | None) -> str | None:
        """The leaf below the node (below nothing, for None) where the tip was last, or what was added last."""
        while children := self._children[node_id]:
            node_id = self._entered.get(node_id, children[-1])
        return node_id

    def hidden(self) -> int:
        """How many nodes lie below the tip on the way to its latest leaf: what was rolled back and is kept."""
        leaf = self.latest(self.tip)
        return 0 if leaf is None else len(self.path(leaf)) - len(self.path())

    # ---- moving the tip

    def move(self, node_id: str | None) -> None:
        """Roll back to a node, or anywhere else; None is before the first one."""
        self.tip = node_id
        for node in self.path():
            self._entered[node.parent] = node.id

    def walk(self, node_id: str, step: int) -> None:
        """To the ``step``-th sibling from the node, as far as there are any, and down to where the tip was there."""
        family = self._children[self._nodes[node_id].parent]
        index = min(max(family.index(node_id) + step, 0), len(family) - 1)
        self.move(self.latest(family[index]))

    # ---- adding nodes

    def add(self, role: Role, text: str) -> Node:
        """A message behind the tip, which moves to it."""
        return self._insert(Node(uuid.uuid4().hex, self.tip, role, text))

    def append(self, node: Node) -> Node:
        """A copy of a node, of this tree or another, behind the tip, which moves to it; it does not grow."""
        return self._insert(replace(node, id=uuid.uuid4().hex, parent=self.tip, growing=False))

    def edit(self, node_id: str, text: str) -> Node:
        """Another version of a node, beside it."""
        old = self._nodes[node_id]
        return self._insert(Node(uuid.uuid4().hex, old.parent, old.role, text))

    def begin(self, role: Role, parent: str | None = None) -> Node:
        """A reply behind the node (the tip, if none is given), still empty, that grows."""
        return self._insert(Node(uuid.uuid4().hex, parent or self.tip, role, "", growing=True))

    def regenerate(self, node_id: str) -> Node:
        """Another reply beside a reply, still empty, that grows."""
        old = self._nodes[node_id]
        return self._insert(Node(uuid.uuid4().hex, old.parent, old.role, "", growing=True))

    def resume(self, node_id: str, model: str) -> Node:
        """A reply beside a reply that begins with all of it and grows from there, as ``model`` writes on."""
        old = self._nodes[node_id]
        ids = old.ids_for(model)
        return self._insert(replace(old, id=uuid.uuid4().hex, token_ids=ids, outcome=None, growing=True))

    def fork(self, node_id: str) -> "Tree":
        """A tree of its own with a copy of the path to the node; a reply that still grows is copied as it is now."""
        twin = Tree()
        for node in self.path(node_id):
            twin.append(node)
        return twin

    # ---- a growing reply

    def grow(self, node_id: str, text: str) -> Node:
        """Append ``text`` to a node that grows."""
        node = self._growing(node_id)
        self._nodes[node_id] = replace(node, text=node.text + text)
        return self._nodes[node_id]

    def settle(self, node_id: str, token_ids: tuple[int, ...], outcome: Outcome | None) -> Node:
        """End the growth; from now on the node never changes."""
        node = self._growing(node_id)
        self._nodes[node_id] = replace(node, token_ids=token_ids, outcome=outcome, growing=False)
        return self._nodes[node_id]

    def abandon(self, node_id: str, tip: str | None) -> None:
        """Take away a growing node that came to nothing; if the tip is on it, it goes to ``tip``."""
        node = self._growing(node_id)
        if self._children[node_id]:
            raise ValueError("a node with children cannot be abandoned")
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
        if onward:  # the way to the parent was entered already: no need to walk it again with each message
            self.tip = self._entered[node.parent] = node.id
        else:
            self.move(node.id)
        return node

    def _attach(self, node: Node) -> None:
        self._nodes[node.id] = node
        self._children[node.id] = []
        self._children[node.parent].append(node.id)
