"""Where replies are asked for and come in: between the conversations and the engine, one way for all of them."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from textual.app import App

from tui.bridge import Bridge, Progress
from tui.conversation.story import pieces
from tui.conversation.tree import Node, Outcome
from tui.reply import Reply
from tui.session import Session
from tui.trace import trace

if TYPE_CHECKING:
    from inference import Engine, Finished, Generation, Model, SamplingParams

# How far one continuation of a story goes where nobody said.
STORY_TOKENS = 120


class Desk:
    """``on_news(session, node, text, ended)`` is called on the interface's thread when a reply has grown or ended.

    ``params`` None: what the model recommends.
    """

    def __init__(
        self, app: App[None], params: "SamplingParams | None", on_news: Callable[[Session, Node, str, bool], None]
    ) -> None:
        self.model: Model | None = None
        self._engine: Engine | None = None
        self._app = app
        self._params = params
        self._on_news = on_news
        self._bridge = Bridge(app, time.monotonic)
        self._sessions: dict[Reply, Session] = {}
        self._turn = asyncio.Lock()

    def open(self, model: "Model", engine: "Engine") -> None:
        """From now on there is a model; what was asked before is asked of it."""
        from inference import SamplingParams

        self.model, self._engine = model, engine
        self._params = self._params or SamplingParams.from_generation_config(model.generation_config)
        for session, reply in [(session, reply) for reply, session in self._sessions.items()]:
            self._app.run_worker(self._ask(session, reply))

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()

    # ---- asking

    def ask(self, session: Session, node: Node, tip_before: str | None) -> None:
        """Have a growing node written. Where it has text already, the reply continues it."""
        reply = Reply(node.id, tip_before, node.text, node.token_ids)
        session.reply = reply
        session.notice = ""
        self._sessions[reply] = session
        if self.model is not None:
            self._app.run_worker(self._ask(session, reply))

    def stop(self, session: Session) -> None:
        """End the reply on its way, if there is one; what came so far is kept."""
        reply = session.reply
        if reply is not None:
            reply.cancel()
            if self.model is None:
                self._end(session, reply, None, "")

    def fork(self, source: Session, target: Session) -> None:
        """Give ``target`` what ``source`` has computed. While a reply runs the cache is the engine's: then nothing."""
        if self._engine is not None and source.engine is not None and source.reply is None:
            cache = source.engine.cache.fork()
            target.engine = self._engine.new_session(cache=cache, token_ids=source.engine.token_ids)

    def recount(self, session: Session, done: Callable[[], None]) -> None:
        """Find out how much context the conversation takes as it stands now; ``done`` is called when it is known."""
        if self.model is not None and session.reply is None:
            self._app.run_worker(self._count(session, done))

    async def _ask(self, session: Session, reply: Reply) -> None:
        from inference import InferenceError

        # Templates are rendered one at a time, in the order of asking, and not on this thread.
        async with self._turn:
            if reply.cancelled:
                self._end(session, reply, None, "")
                return
            try:
                generation = await asyncio.to_thread(self._submit, session, reply, session.tree.path(reply.node_id))
            except InferenceError as error:
                self._end(session, reply, None, str(error))
                return
        reply.generation = generation
        if reply.cancelled:
            generation.cancel()
        self._bridge.watch(reply)

    def _submit(self, session: Session, reply: Reply, path: list[Node]) -> "Generation":
        assert self._engine is not None and self.model is not None and self._params is not None
        if session.engine is None:
            session.engine = self._engine.new_session()
        reply.rows_before = self.model.counters.rows
        if session.mode == "story":
            params = replace(self._params, max_tokens=self._params.max_tokens or STORY_TOKENS)
            return session.engine.complete(pieces(path[:-1]), params)
        resumed = bool(reply.seed_text)
        return session.engine.reply(messages(path if resumed else path[:-1]), self._params, resumed)

    async def _count(self, session: Session, done: Callable[[], None]) -> None:
        from inference import InferenceError

        path = session.tree.path()
        async with self._turn:
            try:
                used = await asyncio.to_thread(self._tokens, session, path)
            except InferenceError:  # a template may refuse a conversation as it stands; asking will say so
                return
        if session.reply is None:
            session.figures = replace(session.figures, context_used=used)
            done()

    def _tokens(self, session: Session, path: list[Node]) -> int:
        assert self.model is not None
        if not path:
            return 0
        if session.mode == "story":
            return len(self.model.tokenizer.encode_pieces(pieces(path)))
        template = self.model.chat_template
        assert template is not None
        return len(template.encode(messages(path), self.model.tokenizer, add_generation_prompt=False))

    # ---- what comes in

    def progress(self, event: Progress) -> None:
        """Take in what the bridge brought."""
        reply = event.reply
        session = self._sessions[reply]
        node = session.tree.grow(reply.node_id, event.text) if event.text else session.tree[reply.node_id]
        engine = session.engine
        if reply.streaming:
            session.figures = replace(
                session.figures,
                tokens_per_second=reply.tokens_per_second,
                first_token_seconds=reply.first_token_seconds,
                context_used=reply.prompt_tokens + reply.tokens,
                reused_tokens=reply.reused_tokens,
                cache_bytes=engine.cache.nbytes if engine else None,
            )
        if event.ended:
            self._end(session, reply, event.finished, str(event.error or ""), event.text)
        else:
            self._on_news(session, node, event.text, False)

    def _end(
        self, session: Session, reply: Reply, finished: "Finished | None", notice: str, last_text: str = ""
    ) -> None:
        del self._sessions[reply]
        session.reply = None
        session.notice = notice
        node = session.tree[reply.node_id]
        if finished is not None:
            self._account(session, reply, finished)
        if len(node.text) == len(reply.seed_text):
            session.tree.abandon(node.id, reply.tip_before)
            if finished is not None and finished.reason != "cancelled":
                session.notice = "The model had nothing to add."
        else:
            written = tuple(reply.generation.token_ids) if reply.generation else ()
            # Ids must stand for all of the text, or for none of it.
            known = not reply.seed_text or bool(reply.seed_ids)
            outcome = self._outcome(finished) if finished else None
            node = session.tree.settle(node.id, reply.seed_ids + written if known else (), outcome)
        self._on_news(session, node, last_text, True)

    def _account(self, session: Session, reply: Reply, finished: "Finished") -> None:
        stats = finished.stats
        if stats.first_token_seconds is not None:
            session.figures = replace(
                session.figures,
                tokens_per_second=stats.tokens_per_second,
                first_token_seconds=stats.first_token_seconds,
            )
        if finished.reason == "context":
            session.notice = "The context is full: roll back, fork from an earlier turn, or start a new session."
        assert self.model is not None
        trace(session, finished, self.model.counters.rows - reply.rows_before)

    def _outcome(self, finished: "Finished") -> Outcome:
        assert self._params is not None
        return Outcome(reason=finished.reason, params=asdict(self._params), **asdict(finished.stats))


def messages(path: list[Node]) -> list[dict[str, Any]]:
    """Nodes as the engine takes messages: with the ids that were sampled for them, where they were."""
    return [
        {"role": node.role, "content": node.text} | ({"token_ids": list(node.token_ids)} if node.token_ids else {})
        for node in path
    ]
