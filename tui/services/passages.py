"""Looks for passages of documents before a question is asked; they belong to the question from then on."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from textual.app import App

from tui.conversation.background import Background
from tui.conversation.quotes import Quote
from tui.conversation.tree import Node, in_context
from tui.messages import PassagesSought
from tui.process.in_thread import in_thread
from tui.services.documents import DocumentService, Passages
from tui.services.models import ModelManager
from tui.services.quoting import WITHOUT, fitting_question, notice, questions, unsearched
from tui.services.reading_progress import Cancelled
from tui.services.replies import ReplyService
from tui.services.reply import Reply
from tui.services.sampling_defaults import SamplingDefaults
from tui.services.session import Session
from tui.services.sessions import SessionManager
from tui.storage.errors import StoreError


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
        """What has to be awaited before this reply is asked for; None if nothing is to be looked for."""
        question = unsearched(session, node)
        return None if question is None else partial(self._look_up, session, question)

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
        nodes = in_context(path)[:-1]
        async with self._replies.turn:
            background = await self._replies.background(session, nodes)
            quotes = await in_thread(self._fitting, session, nodes, found, background)
        if reply.cancelled or question.id not in session.tree or quotes is None:
            return found.note
        session.tree.quote(question.id, quotes)
        await asyncio.wait([asyncio.wrap_future(self._sessions.save(session))])
        return notice(found, quotes)

    def _fitting(
        self, session: Session, nodes: list[Node], found: Passages, background: Background
    ) -> tuple[Quote, ...] | None:
        model, limit = self._models.model(session), self._models.context(session)
        variables = self._sampling.variables(session)
        return fitting_question(session, model, limit, variables, nodes, found.quotes, background)
