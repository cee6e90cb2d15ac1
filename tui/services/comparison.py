"""Replies to one question, computed together on copies of the conversation; it goes on from one of them."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from textual.app import App

from tui.conversation.conversation import Conversation
from tui.conversation.tree import Node, Tree
from tui.messages import ReplyProgressed
from tui.process.in_thread import in_thread
from tui.services.models import ModelManager
from tui.services.passages import PassageService
from tui.services.replies import ReplyChange, ReplyService
from tui.services.reply import stopped
from tui.services.session import Session

# Among the settings of a session: how often each side was chosen, by what was compared.
COUNTS = "compared"


@dataclass(frozen=True)
class Variant:
    """How one side is made. ``documents``: with passages. ``changes``: of the settings. ``model``: another one."""

    title: str
    documents: bool = False
    changes: Mapping[str, Any] = field(default_factory=dict)
    model: str = ""


@dataclass(eq=False)
class Side:
    """``session``: a copy of the conversation that ends with the question and this reply. It is never saved."""

    variant: Variant
    session: Session
    reply: str  # id of its node
    ended: bool = False
    left: bool = False  # nobody looks at it any more

    @property
    def node(self) -> Node | None:
        """The reply; None if it has ended without any text."""
        tree = self.session.tree
        return tree[self.reply] if self.reply in tree else None  # noqa: SIM401  a tree is no dictionary

    @property
    def standing(self) -> Node | None:
        """The reply as far as it goes: one that still grows ends here, as if it was stopped now."""
        node, reply = self.node, self.session.reply
        if node is None or not node.growing:
            return node
        outcome = None if reply is None or reply.generation is None else stopped(reply.generation, self.session.model)
        return replace(node, outcome=outcome, growing=False) if node.text else None

    @property
    def question(self) -> Node | None:
        """The question, with the passages that were found for it."""
        node = self.node
        return self.session.tree[node.parent] if node and node.parent else None


@dataclass(frozen=True, eq=False)
class Comparison:
    """``question``: of ``session``, or to be added to it after ``parent``. ``counted``: whether choices are counted."""

    session: Session
    parent: str | None
    question: Node
    sides: tuple[Side, ...]
    counted: bool

    @property
    def ended(self) -> bool:
        """True if all replies have ended."""
        return all(side.ended for side in self.sides)

    def side_of(self, session: Session) -> Side | None:
        """The side that this copy belongs to."""
        return next((side for side in self.sides if side.session is session), None)


class ComparisonService:
    """Asks for the replies, and brings them into the conversation."""

    def __init__(self, app: App[None], models: ModelManager, replies: ReplyService, passages: PassageService) -> None:
        self._app = app
        self._models = models
        self._replies = replies
        self._passages = passages

    def begin(self, session: Session, question: Node, variants: Sequence[Variant], counted: bool = True) -> Comparison:
        """Ask for replies to ``question``, which may be new; its session is idle, and its model can be asked."""
        sides = tuple(_side(session, question, variant) for variant in variants)
        comparison = Comparison(session, question.parent, question, sides, counted)
        self._app.run_worker(self._ask(comparison))
        return comparison

    async def _ask(self, comparison: Comparison) -> None:
        """All start with a copy of the session's cache: what they have in common is computed once at most."""
        for side in comparison.sides:
            if side.session.model == comparison.session.model and self._models.model(comparison.session) is not None:
                async with self._replies.turn:
                    with suppress(Exception):  # such as one for want of memory: it is computed again
                        side.session.engine = await in_thread(self._replies.copy, comparison.session)
        for side in comparison.sides:
            if side.left:
                side.ended = True
                _close(side)
                continue
            node = side.session.tree[side.reply]
            prepare = self._passages.preparation(side.session, node) if side.variant.documents else None
            self._replies.ask(side.session, node, None, prepare=prepare)

    def take(self, comparison: Comparison, event: ReplyProgressed) -> ReplyChange | None:
        """Apply progress of one of the replies; None if it is another's."""
        if not any(side.session.reply is event.reply for side in comparison.sides):
            return None
        change = self._replies.take(event)
        if change is not None and (side := comparison.side_of(change.session)):
            side.ended |= change.ended
            if side.ended and side.left:
                _close(side)
        return change

    def leave(self, comparison: Comparison) -> None:
        """Stop what is under way, and forget all sides."""
        for side in comparison.sides:
            side.left = True
            if side.ended:
                _close(side)
            else:
                self._replies.stop(side.session)

    def keep(self, comparison: Comparison) -> int:
        """Leave, and keep the replies, as far as they go, beside what the conversation shows; returns how many."""
        tree = comparison.session.tree
        tip, kept = tree.tip, sum(_add(tree, comparison, side) for side in comparison.sides)
        tree.move(tip)
        self.leave(comparison)
        return kept

    def choose(self, comparison: Comparison, chosen: Side) -> None:
        """Add the replies to the conversation, which goes on from the chosen, complete one and from its cache."""
        session = comparison.session
        for side in sorted(comparison.sides, key=lambda side: side is chosen):
            _add(session.tree, comparison, side)
        if comparison.counted:
            _count(session, chosen.variant)
        if chosen.variant.model and chosen.variant.model != session.model:
            session.use_model(chosen.variant.model)
        self._replies.adopt(session, chosen.session)
        self.leave(comparison)


def times_chosen(session: Session, variant: Variant) -> int:
    """How often this side was chosen in the session."""
    counts = session.settings.get(COUNTS)
    count = counts.get(variant.title) if isinstance(counts, dict) else None
    return count if type(count) is int and count > 0 else 0


def _side(source: Session, question: Node, variant: Variant) -> Side:
    tree = source.tree.fork(question.parent) if question.parent is not None else Tree()
    tree.append(question if variant.documents or question.quotes is None else replace(question, quotes=None))
    settings = dict(source.settings) | dict(variant.changes)
    model = variant.model or source.model
    conversation = Conversation("chat", tree, model=model, settings=settings, page=source.page)
    return Side(variant, Session(conversation, private=True), tree.begin("assistant").id)


def _add(tree: Tree, comparison: Comparison, side: Side) -> bool:
    """Add a reply to the conversation, below the question as it was asked; False if it has no text yet."""
    reply, question = side.standing, side.question
    if reply is None or question is None:
        return False
    asked = [comparison.question] if comparison.question.id in tree else []
    asked += [node for node in tree.children(comparison.parent) if node.text == question.text]
    same = next((node for node in asked if node.quotes == question.quotes), None)
    if same is not None:
        tree.move(same.id)
    else:
        tree.move(comparison.parent)
        tree.append(question)
    tree.append(reply)
    return True


def _count(session: Session, chosen: Variant) -> None:
    counts = session.settings.get(COUNTS)
    before = counts if isinstance(counts, dict) else {}
    session.change_settings({COUNTS: {**before, chosen.title: times_chosen(session, chosen) + 1}})


def _close(side: Side) -> None:
    engine, side.session.engine = side.session.engine, None
    if engine is not None:
        engine.close()
