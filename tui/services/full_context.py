"""What to leave out of a context that is full: whole turns, the oldest first."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tui.conversation.tree import Node, seen_from

# Share of the context that is kept free for the reply, and at most taken by a summary or by the turns beside it.
SHARE = 4
# Nodes of a prompt: its tokens.
Count = Callable[[list[Node]], int]


@dataclass(frozen=True)
class Cut:
    """``kept``: the messages from the first one that stays on. ``removed``: those before. ``tokens`` are left."""

    removed: list[Node]
    kept: list[Node]
    tokens: int

    @property
    def messages(self) -> str:
        """How many are removed, in words that follow “the oldest”."""
        return f"{len(self.removed)} messages" if len(self.removed) > 1 else "message"


@dataclass(frozen=True)
class FullContext:
    """A prompt that does not fit, or whose reply did not: ``needed`` tokens of ``available``.

    ``target``: the last node of the prompt, to be answered, or continued if it is a reply. ``left_out`` and
    ``compacted``: what goes if the oldest turns are left out or summarised; None where that would not be enough.
    ``longest``: tokens that the context could have with a higher limit, if that would be enough; else 0.
    """

    target: Node
    needed: int
    available: int
    left_out: Cut | None
    compacted: Cut | None
    longest: int = 0


def plan(nodes: list[Node], available: int, longest_reply: int | None, count: Count) -> FullContext:
    """Plan for a full context. ``nodes``: those of the prompt. ``longest_reply``: its most tokens, if limited.

    A quarter of the context is made free, or what the reply may take, if that is less: each cut has the rest of the
    prompt computed again, so it should last for some turns.
    """
    needed, share = count(nodes), available // SHARE
    left_out = cut(nodes, available - min(share, longest_reply or share), count)
    compacted = cut(nodes, share, count)
    return FullContext(
        target=nodes[-1],
        needed=needed,
        available=available,
        left_out=left_out if left_out and left_out.tokens < available else None,
        compacted=compacted if compacted and compacted.tokens + share < available else None,
    )


def cut(nodes: list[Node], room: int, count: Count) -> Cut | None:
    """Remove the fewest of the oldest turns such that the rest takes at most ``room`` tokens, or all but the last turn.

    System prompts and summaries stay. None if there is only one turn.
    """
    starts = [index for index, node in enumerate(nodes) if node.role == "user" and _turns(nodes[:index])]
    if not starts:
        return None
    number = bisect_left(starts, True, key=lambda start: count(seen_from(nodes, start)) <= room)
    start = starts[min(number, len(starts) - 1)]
    return Cut(_turns(nodes[:start]), nodes[start:], count(seen_from(nodes, start)))


def _turns(nodes: Sequence[Node]) -> list[Node]:
    return [node for node in nodes if node.role != "system"]
