"""Makes room in the context of a chat: counts prompts, plans what to leave out, has turns summarised."""

from dataclasses import replace
from typing import TYPE_CHECKING

from tui.conversation.background import Background
from tui.conversation.tree import Node, in_context
from tui.process.in_thread import in_thread
from tui.services.full_context import SHARE, Count, Cut, FullContext, cut, plan
from tui.services.models import ModelManager
from tui.services.prompt_count import prompt_count
from tui.services.replies import ReplyService
from tui.services.reply import Reply
from tui.services.sampling_defaults import SamplingDefaults
from tui.services.session import Session
from tui.services.summary import Summariser

if TYPE_CHECKING:
    from inference import Session as EngineSession


class ContextRoom:
    """What the model sees of a session. Its model must be loaded; nothing here changes a session."""

    def __init__(self, models: ModelManager, sampling: SamplingDefaults, replies: ReplyService) -> None:
        self._models = models
        self._sampling = sampling
        self._replies = replies

    async def plan(self, session: Session, node_id: str) -> FullContext:
        """Plan for a full context. ``node_id``: the message to answer, or the reply to continue."""
        nodes = in_context(session.tree.path(node_id))
        limit, longest = self._models.context(session), self._sampling.params(session).max_tokens
        async with self._replies.turn:
            full = await in_thread(plan, nodes, limit, longest, await self._count(session, nodes))
        possible = self._models.longest_context(session)
        return replace(full, longest=possible if possible > max(full.needed, limit) else 0)

    async def compactable(self, session: Session) -> Cut | None:
        """The turns to summarise: all but the last ones, which take a quarter of the prompt at most, or one turn."""
        nodes = in_context(session.tree.path())
        count = await self._count(session, nodes)
        async with self._replies.turn:
            return await in_thread(lambda: cut(nodes, count(nodes) // SHARE, count))

    async def summarise(self, session: Session, reply: Reply, chosen: Cut) -> Node | None:
        """A summary of the turns that are removed; None if ``reply`` was stopped. Raises an error with a sentence."""
        nodes = in_context(session.tree.path(chosen.kept[-1].id))
        system = [node for node in nodes if node.role == "system"]
        top = replace(await self._replies.background(session, nodes), called=(), note="")
        async with self._replies.turn:
            engine = await in_thread(self._replies.copy, session)
        try:
            return await self._summariser(engine, session, reply, top).summarise(system, _turns(chosen.removed))
        finally:
            engine.close()

    def _summariser(
        self, engine: "EngineSession", session: Session, reply: Reply, background: Background
    ) -> Summariser:
        params, variables = self._sampling.params(session), self._sampling.variables(session)
        template = engine.model.chat_template
        if template is not None and template.reasoning_switch is not None:
            variables |= {template.reasoning_switch: False}  # it would take the room that the summary needs
        return Summariser(engine, session, reply, params, variables, background)

    async def _count(self, session: Session, nodes: list[Node]) -> Count:
        model, limit = self._models.model(session), self._models.context(session)
        assert model is not None
        background = await self._replies.background(session, nodes)
        return prompt_count(session, model, limit, self._sampling.variables(session), nodes[-1], background)


def _turns(nodes: list[Node]) -> list[list[Node]]:
    """Messages of the user, each with what follows it."""
    turns: list[list[Node]] = []
    for node in nodes:
        if node.role == "user" or not turns:
            turns.append([])
        turns[-1].append(node)
    return turns
