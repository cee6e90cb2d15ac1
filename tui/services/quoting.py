"""Which passages of documents a question is asked with: the best of those found that the context has room for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tui.conversation.background import NOTHING, Background
from tui.conversation.quotes import Quote
from tui.conversation.tree import Node
from tui.services.documents import Passages
from tui.services.prompt_count import prompt_count
from tui.services.session import Session
from tui.services.token_estimate import ASSUMED_CONTEXT

if TYPE_CHECKING:
    from inference import Model

# Share of the context that is still free which passages may take.
SHARE = 2
WITHOUT = "Asked without documents: {}"
LEFT_OUT = "{} of {} passages left out: together they may take half of the free context."


def unsearched(session: Session, node: Node) -> Node | None:
    """The question of a reply, if passages have to be looked for before it is asked.

    A question is searched for before its first reply only: all its replies see the same.
    """
    question = session.tree[node.parent] if node.parent is not None else None
    if session.mode != "chat" or not session.collections or question is None or question.role != "user":
        return None
    return question if question.quotes is None and len(session.tree.children(question.id)) == 1 else None


def questions(path: Sequence[Node]) -> tuple[str, str]:
    """The last question of a path, and the one before; empty if there is none."""
    *before, last = (node.text for node in path if node.role == "user")
    return last, before[-1] if before else ""


def fitting_question(
    session: Session,
    model: "Model | None",
    limit: int,
    variables: Mapping[str, bool],
    nodes: list[Node],
    quotes: Sequence[Quote],
    background: Background = NOTHING,
) -> tuple[Quote, ...] | None:
    """The passages that fit before the last of the nodes; None if not even the question does.

    ``model``: None for one on a server. ``limit``: the context in tokens; 0 if it is unknown. ``variables``: of the
    chat template. ``background``: what the writer's page adds.
    """
    *before, question = nodes
    limit = limit or ASSUMED_CONTEXT
    count = prompt_count(session, model, limit, variables, question, background)
    used = count(nodes)
    if used >= limit:
        return None

    def taken(chosen: tuple[Quote, ...]) -> int:
        return count([*before, replace(question, quotes=chosen)]) - used

    return fitting(quotes, (limit - used) // SHARE, taken)


def fitting(quotes: Sequence[Quote], room: int, taken: Callable[[tuple[Quote, ...]], int]) -> tuple[Quote, ...]:
    """The best passages that together take at most ``room`` tokens, as ``taken`` counts them."""
    chosen: tuple[Quote, ...] = ()
    for quote in quotes:
        if taken((*chosen, quote)) <= room:
            chosen = (*chosen, quote)
    return chosen


def notice(found: Passages, quotes: Sequence[Quote]) -> str:
    """What could not be searched, and how many of the passages found had no room; often empty."""
    missing, count = len(found.quotes) - len(quotes), len(found.quotes)
    return " ".join(filter(None, [found.note, LEFT_OUT.format(missing, count) if missing else ""]))
