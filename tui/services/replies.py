"""Submits replies to the engine and applies their progress to the conversation."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from textual.app import App

from tui.config.key_names import key_name
from tui.conversation.background import NOTHING, Background
from tui.conversation.tree import Node
from tui.messages import ContextCounted, ContextFilled, Notice, ReplyProgressed
from tui.process.in_thread import FILES, in_thread
from tui.services.background import background_beside
from tui.services.detached_cache import DetachedCache, save_cache
from tui.services.event_poller import EventPoller
from tui.services.model_choice import ModelChoice
from tui.services.models import ModelManager
from tui.services.modes import STRATEGIES
from tui.services.notices import Busy, Passing
from tui.services.reply import Reply, interrupted, outcome_of, written_ids
from tui.services.reply_trace import VARIABLE, append_line, trace_file, trace_line
from tui.services.sampling_defaults import SamplingDefaults
from tui.services.session import Figures, Session
from tui.services.text_source import TextSource, TextStream
from tui.storage.cache_snapshots import Snapshots

if TYPE_CHECKING:
    from inference import Finished
    from inference import Session as EngineSession

FULL = "The context is full ({limit} tokens). {onward}"
BANNED = "No way around the banned phrases was found. Change them with {key}."
COMPLETE = "The model adds nothing to this reply."
STOPPED_BEFORE = "Stopped before any text was generated."


class ReplyChange(NamedTuple):
    """Change of a reply's node: the appended ``text``, and whether the reply has ended."""

    session: Session
    node: Node
    text: str
    ended: bool


class ReplyService:
    """Generates replies.

    Posts Notice, ContextCounted, ContextFilled, and ReplyProgressed, which the app passes to ``take``.
    """

    def __init__(self, app: App[None], models: ModelManager, sampling: SamplingDefaults, snapshots: Snapshots) -> None:
        self._app = app
        self._models = models
        self._sampling = sampling
        self._snapshots = snapshots
        self._poller = EventPoller(app)
        self._sessions: dict[Reply, Session] = {}
        self.turn = asyncio.Lock()  # templates are rendered one at a time, in order of submission

    @property
    def replying(self) -> list[Session]:
        """Sessions with a reply in progress."""
        return list(self._sessions.values())

    def waiting(self, choice: ModelChoice) -> list[Session]:
        """Sessions whose replies are not submitted yet because this model is not loaded."""
        return [
            session
            for reply, session in self._sessions.items()
            if self._models.choice(session) == choice and reply.generation is None
        ]

    def model_loaded(self, choice: ModelChoice) -> None:
        """Submit the replies that waited for this model."""
        for session in self.waiting(choice):
            if session.reply is not None:
                self._app.run_worker(self._ask(session, session.reply))

    # ---- submitting

    def ask(
        self,
        session: Session,
        node: Node,
        tip_before: str | None,
        saved: "Future[None] | None" = None,
        prepare: Callable[[Reply], Awaitable[None]] | None = None,
    ) -> None:
        """Generate a reply in a growing node, continuing its text if it has any.

        ``tip_before``: the tip to restore if nothing is generated. ``saved``: the reply is submitted once this is done.
        ``prepare``: see Reply; it raises nothing.
        """
        reply = Reply(node.id, tip_before, node.text, node.token_ids, prepare=prepare)
        reply.saved = saved or reply.saved
        session.reply = reply
        session.clear_notice()
        self._sessions[reply] = session
        if self._models.ready(session):
            self._app.run_worker(self._ask(session, reply))
        else:
            self._models.load(self._models.choice(session), again=True)

    def stop(self, session: Session, aloud: bool = False) -> None:
        """Stop the session's reply, if any, and keep its text. ``aloud``: show a notice."""
        reply = session.reply
        if reply is not None:
            reply.aloud = aloud
            reply.cancel()
            if not self._models.ready(session) or not reply.saved.done() or reply.prepare is not None:
                self._fail(reply, "")

    def fork(self, source: Session, target: Session) -> None:
        """Copy the KV cache of ``source`` to ``target``, unless a reply is using it."""
        if source.engine is not None and source.reply is None:
            self._app.run_worker(self._fork(source.engine, target))

    async def _fork(self, source: "EngineSession", target: Session) -> None:
        """Holds the turn, so that the next request waits: an evicted cache is read from disk first."""
        async with self.turn:
            with contextlib.suppress(Exception):  # such as one for want of memory: it is computed again
                engine = await in_thread(self._copy, source, target)
                if target.engine is None:
                    target.engine = engine
                    target.computed = True

    def _copy(self, source: "EngineSession", target: Session) -> "EngineSession":
        cache = source.load_cache().fork()
        return self._models.engine.new_session(source.model, cache, source.token_ids, not target.private)

    def copy(self, session: Session) -> "EngineSession":
        """A copy of the idle session's engine session, for prompts beside it. May read a file, with ``turn`` held."""
        copy = self._copy(self._engine_session(session), session)
        copy.limit(self._models.context(session))
        return copy

    def adopt(self, session: Session, other: Session) -> None:
        """Go on with the cache of ``other``, which begins with this session's conversation and gives it up."""
        engine, other.engine = other.engine, None
        if engine is not None:
            self.take_over(session, engine)
            session.figures = other.figures

    def take_over(self, session: Session, engine: "EngineSession") -> None:
        """Go on with a copy of the session's engine session in place of it."""
        if session.engine is not None:
            session.engine.close()
        session.engine, session.computed = engine, True

    def hand_over(self, source: Session, target: Session, node_id: str) -> None:
        """Go on in a growing node of the idle ``target`` with the submitted reply of ``source``, and with its cache."""
        reply, source.reply = source.reply, None
        engine, source.engine = source.engine, None
        assert reply is not None and engine is not None
        reply.node_id, target.reply = node_id, reply
        self._sessions[reply] = target
        self.take_over(target, engine)

    def forget_figures(self, session: Session) -> None:
        """Clear the figures, as another model is used from now on."""
        session.figures = Figures()

    def recount(self, session: Session) -> None:
        """Count the conversation's context tokens in the background; posts ContextCounted.

        Those of a server are known where its last reply has told them.
        """
        if self._models.remote(session) is not None and session.reply is None:
            self._counted(session, session.told_tokens)
        elif self._models.model(session) is not None and session.reply is None:
            self._app.run_worker(self._count(session))

    async def _ask(self, session: Session, reply: Reply) -> None:
        from inference import ContextOverflowError
        from inference.errors import explained

        if not reply.saved.done():
            await asyncio.wait([asyncio.wrap_future(reply.saved)])
        if reply.prepare is not None:
            await reply.prepare(reply)
            reply.prepare = None
        async with self.turn:
            if reply.cancelled:
                self._fail(reply, "")
                return
            try:
                path = session.tree.path(reply.node_id)
                background = await self.background(session, path if reply.seed_text else path[:-1])
                generation = await in_thread(self._submit, session, reply, path, background)
            except Exception as error:
                self._fail(reply, str(explained(error)))
                if isinstance(error, ContextOverflowError):
                    self._fill(session, _asked(session, reply))
                return
        reply.generation = generation
        session.computed = session.engine is not None
        if reply.cancelled:
            generation.cancel()
        self._poller.watch(reply)

    async def background(self, session: Session, path: list[Node]) -> Background:
        """What the writer's page adds to the prompt for the end of the path."""
        if session.page.blank or not self._models.ready(session):
            return NOTHING
        model, context = self._models.model(session), self._models.context(session)
        return await background_beside(session, path, model, context)

    def _submit(self, session: Session, reply: Reply, path: list[Node], background: Background) -> TextStream:
        source = self._source(session)
        reply.rows_before = source.model.counters.rows if source.model else 0
        params = self._sampling.params(session)
        variables = self._sampling.variables(session)
        resumed = bool(reply.seed_text)
        return STRATEGIES[session.mode].ask(source, session, path, resumed, params, variables, background)

    def _source(self, session: Session) -> TextSource:
        """What the session's replies are asked from."""
        if (remote := self._models.remote(session)) is not None:
            if session.engine is not None:  # of the model before
                session.engine.close()
                session.engine = None
            return remote.session(self._sampling.values(session))
        engine = self._engine_session(session)
        engine.limit(self._models.context(session))
        return engine

    def _engine_session(self, session: Session) -> "EngineSession":
        """The session's engine session, created on first use from its cache snapshot, if that is of this model."""
        from inference import CacheError, KVCache

        model = self._models.model(session)
        assert model is not None
        if session.engine is not None and session.engine.model is not model:
            session.engine.close()
            session.engine = None
        if session.engine is None:
            cache: KVCache | None = None
            token_ids: list[int] = []
            if (file := self._snapshots.find(session.id)) is not None:
                with contextlib.suppress(CacheError):  # damaged or of another model: recompute
                    cache, token_ids = KVCache.load(file, model)
            session.engine = self._models.engine.new_session(model, cache, token_ids, not session.private)
        return session.engine

    def keep(self, session: Session) -> None:
        """Write the idle session's cache to its snapshot. Blocks on the disk: not for the interface's thread."""
        engine = session.engine  # may be detached concurrently
        if engine is not None and session.computed and not session.private:
            session.computed = False  # a reply beginning meanwhile sets it again
            session.computed |= not save_cache(engine, self._snapshots, session.id)

    def detach(self, session: Session) -> DetachedCache | None:
        """Detach an idle session from its model; None if it has no cache."""
        engine, session.engine = session.engine, None
        computed, session.computed = session.computed and not session.private, False
        return None if engine is None else DetachedCache(engine, self._snapshots, session.id, computed)

    async def _count(self, session: Session) -> None:
        from inference import ContextOverflowError

        path = session.tree.path()
        async with self.turn:
            try:
                background = await self.background(session, path)
                used = await in_thread(self._tokens, session, path, background)
            except ContextOverflowError as error:
                used = error.needed
            except Exception:  # the template may reject the conversation; reported when a reply is asked for
                return
        if session.reply is None:
            tip = session.tip
            if tip and tip.outcome and tip.outcome.reason == "context":  # the end-of-message tokens do not count then
                used = min(used, self._models.context(session))
            self._counted(session, used)

    def _counted(self, session: Session, used: int | None) -> None:
        session.figures = replace(session.figures, context_used=used)
        self._app.post_message(ContextCounted(session))

    def _tokens(self, session: Session, path: list[Node], background: Background) -> int:
        model = self._models.model(session)
        if model is None:
            return 0
        limit, variables = self._models.context(session), self._sampling.variables(session)
        return STRATEGIES[session.mode].count(session, path, model, limit, variables, background)

    def rewritten_ids(self, session: Session, reply: Node, text: str) -> tuple[int, ...]:
        """Token ids for ``text``, which was edited from the reply's; empty if its own are unknown."""
        model, ids = self._models.model(session), reply.ids_for(session.model)
        if model is None or not ids:
            return ()
        from inference import rewritten

        return tuple(rewritten(model.tokenizer, ids, reply.text, text))

    # ---- progress

    def take(self, event: ReplyProgressed) -> ReplyChange | None:
        """Apply progress to the conversation; None if the reply has ended already."""
        reply = event.reply
        session = self._sessions.get(reply)
        if session is None:
            return None
        node = session.tree.grow(reply.node_id, event.text) if event.text else session.tree[reply.node_id]
        engine = session.engine
        if reply.streaming:
            session.figures = replace(
                session.figures,
                tokens_per_second=reply.tokens_per_second,
                first_token_seconds=reply.first_token_seconds,
                context_used=reply.prompt_tokens + reply.tokens if reply.prompt_tokens else None,
                reused_tokens=reply.reused_tokens if reply.prompt_tokens else None,
                cache_bytes=engine.cache.nbytes if engine else None,
            )
        if event.ended:
            node = self._end(session, reply, event.finished, event.failure or "")
        return ReplyChange(session, node, event.text, event.ended)

    def _fail(self, reply: Reply, failure: str) -> None:
        """End the reply without the engine."""
        self._app.post_message(ReplyProgressed(reply, "", None, failure))

    def _end(self, session: Session, reply: Reply, finished: "Finished | None", notice: str) -> Node:
        del self._sessions[reply]
        session.reply = None
        if notice or isinstance(session.notice, Busy):
            session.notify(notice)
        if not reply.cancelled:
            session.ended = time.monotonic()
        node, asked = session.tree[reply.node_id], _asked(session, reply)
        if finished is not None:
            self._account(session, reply, finished)
        if len(node.text) == len(reply.seed_text) and not (reply.seed_text and asked is None):
            session.tree.abandon(node.id, reply.tip_before)
            if reply.aloud:
                session.notify(Passing(STOPPED_BEFORE))
            elif finished is not None and finished.reason != "banned" and not reply.cancelled:
                session.notify(Passing(COMPLETE if reply.seed_text else STRATEGIES[session.mode].empty))
        else:
            written, outcome = written_ids(reply.generation), None
            if reply.generation is not None and finished is not None:
                outcome = outcome_of(reply.generation, finished, session.model)
            elif reply.generation is not None:
                outcome = interrupted(reply.generation, session.model)
            # Keep token ids only if they cover the whole text and are known to be this model's.
            known = finished is not None and written is not None and (not reply.seed_text or bool(reply.seed_ids))
            node = session.tree.settle(node.id, reply.seed_ids + (written or ()) if known else (), outcome)
            asked = node.id
            if reply.aloud and (stopped := STRATEGIES[session.mode].stopped):
                session.notify(Passing(stopped))
        if finished is not None and finished.reason == "context":
            self._fill(session, asked)
        return node

    def _fill(self, session: Session, node_id: str | None) -> None:
        if session.mode == "chat" and node_id is not None:
            self._app.post_message(ContextFilled(session, node_id))

    def _account(self, session: Session, reply: Reply, finished: "Finished") -> None:
        stats = finished.stats
        if stats.first_token_seconds is not None:
            session.figures = replace(
                session.figures,
                tokens_per_second=stats.tokens_per_second,
                first_token_seconds=stats.first_token_seconds,
                reused_tokens=stats.reused_tokens if stats.prompt_tokens else None,
            )
        if finished.reason == "context":
            onward = STRATEGIES[session.mode].after_full(session)
            session.notify(FULL.format(limit=self._models.context(session), onward=onward))
        elif finished.reason == "banned":
            session.notify(BANNED.format(key=key_name("sampling")))
        if not session.private and (path := trace_file()):
            rows = session.engine.model.counters.rows - reply.rows_before if session.engine else 0
            line = trace_line(session, finished, rows)
            self._app.run_worker(self._trace(path, line), group=FILES)

    async def _trace(self, path: Path, line: str) -> None:
        try:
            await in_thread(append_line, path, line)
        except OSError as error:
            self._app.post_message(Notice(f"{VARIABLE}: {path} cannot be written ({error.strerror})."))


def _asked(session: Session, reply: Reply) -> str | None:
    """Id of what the reply was asked for: the user's message, or the reply whose text it continues."""
    node, tree = session.tree[reply.node_id], session.tree
    if not reply.seed_text:
        return node.parent
    continued = (each for each in tree.siblings(node.id) if each.text == reply.seed_text and each.id != node.id)
    return next((each.id for each in continued), None)
