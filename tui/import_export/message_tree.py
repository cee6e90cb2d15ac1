"""Builds trees from exports of other programs: messages by name, each with its parent."""

import re
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tui.conversation.serialization import MAX_TIME
from tui.conversation.tree import Node, Role, Tree

ROLES: dict[str, Role] = {"system": "system", "user": "user", "human": "user", "assistant": "assistant"}
HEX = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True)
class Entry:
    """``said`` None: an empty entry, skipped in the tree. ``children``: the order of siblings."""

    parent: object
    children: object
    said: tuple[Role, str] | None


def tree_of(entries: Mapping[str, Entry], current: object) -> Tree:
    """The tree, with its tip at ``current``. Raises ValueError for cycles."""
    nodes: dict[str, Node] = {}
    stands_for: dict[str | None, str | None] = {None: None}  # an empty entry maps to its parent
    for name, parent in _in_order(entries):
        stands_for[name] = stands_for[parent]
        if said := entries[name].said:
            node_id = an_id(name)
            if node_id in nodes:
                node_id = an_id(f"{node_id} {name}")
            nodes[node_id] = Node(node_id, stands_for[parent], *said)
            stands_for[name] = node_id
    tree = Tree.of(nodes.values(), None, {})
    tree.move(stands_for.get(current) if isinstance(current, str) else None)
    if tree.tip is None:
        tree.move(tree.latest(None))
    return tree


def line_of(session_id: str, said: Sequence[tuple[Role, str]]) -> Tree:
    """A tree without versions. Its ids are reproducible, so that importing twice adds nothing."""
    names = [f"{session_id} {number}" for number in range(len(said))]
    before = [None, *names]
    entries = {name: Entry(before[index], None, said[index]) for index, name in enumerate(names)}
    return tree_of(entries, names[-1] if names else None)


def _in_order(entries: Mapping[str, Entry]) -> Iterator[tuple[str, str | None]]:
    """Entries in depth-first order, siblings as their parent lists them."""
    children: dict[str | None, list[str]] = {None: []}
    for name, entry in entries.items():
        parent = entry.parent if isinstance(entry.parent, str) and entry.parent in entries else None
        children.setdefault(parent, []).append(name)
    seen = 0
    waiting: list[tuple[str, str | None]] = [(name, None) for name in reversed(children[None])]
    while waiting:
        name, parent = waiting.pop()
        seen += 1
        yield name, parent
        named = entries[name].children
        rank = {str(child): index for index, child in enumerate(named if isinstance(named, list) else [])}
        family = sorted(children.get(name, []), key=lambda child: rank.get(child, len(rank)))
        waiting += [(child, name) for child in reversed(family)]
    if seen < len(entries):
        raise ValueError("its messages form a cycle")


def an_id(name: object) -> str:
    """Deterministic id for a name: the digits of a UUID, else a hash."""
    try:
        return uuid.UUID(str(name)).hex
    except ValueError:
        return uuid.uuid5(uuid.NAMESPACE_OID, str(name).encode("utf-8", "replace").decode()).hex


def seconds(value: object, otherwise: float) -> float:
    """Seconds since the epoch, from ISO 8601 or a number in any unit."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
            value = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return otherwise
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e20:
        return otherwise
    while value > MAX_TIME / 10:  # milli-, micro- or nanoseconds
        value /= 1000
    return float(value)


def remarks(kinds: Sequence[object], left_out: Counter[str]) -> list[str]:
    """Placeholders for skipped parts, counted by kind."""
    names = [str(kind)[:40] for kind in kinds]
    left_out.update(names)
    return [f"[{name} left out]" for name in names]
