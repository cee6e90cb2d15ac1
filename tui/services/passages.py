"""Looks for passages of documents before a question is asked; they belong to the question from then on."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial

from textual.app import App

from tui.conversation.quotes import Quote
from tui.conversation.tree import Node, in_context
from tui.messages import PassagesSought
from tui.process.in_thread import in_thread
from tui.services.documents import DocumentService
from tui.services.models import ModelManager
from tui.services.prompt_count import prompt_count
from tui.services.reading_progress import Cancelled
from tui.services.replies import ReplyService
from tui.services.reply import Reply
from tui.services.sampling_defaults import SamplingDefaults
from tui.services.session import Session
from tui.services.sessions import SessionManager
from tui.storage.errors import StoreError

# Share of the context that is still free which passages may take.
SHARE = 2
WITHOUT = "Asked without documents: {}"
LEFT_OUT = "{} of {} passages left out: they do not fit half of the free context."


class PassageService:
    """Gives questions the passages of the collections that their session has attached. Posts PassagesSought."""

    def __init__(
        self,
        app: App[None],
        documents: DocumentService,
        sessions: SessionManager,
        models: ModelManager,
        sampling: SamplingDefaults,
        replies: ReplyService,
    ) -> None:
        self._app = app
        self._documents = documents
        self._sessions = sessions
        self._models = models
        self._sampling = sampling
        self._replies = replies

    def preparation(self, session: Session, node: Node) -> Callable[[Reply], Awaitable[None]] | None:
        """What has to be awaited before this reply is asked for; None if nothing is to be looked for.

        A question is searched for before its first reply only: all its replies see the same.
        """
        question = session.tree[node.parent] if node.parent is not None else None
        if session.mode != "chat" or not session.collections or question is None or question.role != "user":
            return None
        first = question.quotes is None and len(session.tree.children(question.id)) == 1
        return partial(self._look_up, session, question) if first else None

    async def _look_up(self, session: Session, question: Node, reply: Reply) -> None:
        from inference.errors import explained

        path = session.tree.path(reply.node_id)
        try:
            told = await self._quote(session, question, reply, path)
        except Exception as error:
            told = WITHOUT.format(error if isinstance(error, StoreError) else explained(error))
        if not reply.cancelled:
            if told:
                session.notify(told)
            self._app.post_message(PassagesSought(session))

    async def _quote(self, session: Session, question: Node, reply: Reply, path: list[Node]) -> str:
        """Find passages and save them with the question; returns a notice, often empty."""

        def check_cancelled() -> None:
            if reply.cancelled:
                raise Cancelled

        found = await in_thread(self._documents.find, *questions(path), session.collections, check_cancelled)
        async with self._replies.turn:
            quotes = await in_thread(self._fitting, session, in_context(path)[:-1], found.quotes)
        if reply.cancelled or question.id not in session.tree or quotes is None:
            return found.note
        session.tree.quote(question.id, quotes)
        await asyncio.wait([asyncio.wrap_future(self._sessions.save(session))])
        missing, count = len(found.quotes) - len(quotes), len(found.quotes)
        return " ".join(filter(None, [found.note, LEFT_OUT.format(missing, count) if missing else ""]))

    def _fitting(self, session: Session, nodes: list[Node], quotes: Sequence[Quote]) -> tuple[Quote, ...] | None:
        """The passages that fit before the last of the nodes; None if not even the question does."""
        model, limit = self._models.model(session), self._models.context(session)
        assert model is not None
        *before, question = nodes
        count = prompt_count(session, model, limit, self._sampling.variables(session), question)
        used = count(nodes)
        if used >= limit:
            return None

        def taken(chosen: tuple[Quote, ...]) -> int:
            return count([*before, replace(question, quotes=chosen)]) - used

        return fitting(quotes, (limit - used) // SHARE, taken)


def questions(path: Sequence[Node]) -> tuple[str, str]:
    """The last question of a path, and the one before; empty if there is none."""
    *before, last = (node.text for node in path if node.role == "user")
    return last, before[-1] if before else ""


def fitting(quotes: Sequence[Quote], room: int, taken: Callable[[tuple[Quote, ...]], int]) -> tuple[Quote, ...]:
    """The best passages that together take at most ``room`` tokens, as ``taken`` counts them."""
    chosen: tuple[Quote, ...] = ()
    for quote in quotes:
        if taken((*chosen, quote)) <= room:
            chosen = (*chosen, quote)
    return chosen
