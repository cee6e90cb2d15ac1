"""Summarises turns of a chat, beside the session: its own KV cache stays as it is."""

import asyncio
from bisect import bisect_left
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from tui.conversation.background import Background
from tui.conversation.conversation import new_id
from tui.conversation.tree import Node
from tui.markdown.thinking import without_thoughts
from tui.process.in_thread import in_thread
from tui.services.event_poller import INTERVAL, coalesce
from tui.services.full_context import SHARE
from tui.services.reply import Reply, outcome_of
from tui.services.session import Session

if TYPE_CHECKING:
    from inference import Finished, Generation, SamplingParams
    from inference import Session as EngineSession

HEADING = "Summary of the conversation so far:"
REQUEST = """\
Summarise our conversation so far in at most {words} words, so that the summary can stand in for it: what I asked for, \
what was answered and decided, names, numbers and code that are still needed, and what is open. Write only the summary.\
"""
EMPTY = "The model wrote no summary."
TOO_LONG = "A message is too long for the model to summarise."


class SummaryError(Exception):
    """No summary was made; ``str(error)`` is a user-facing message."""


class Summariser:
    """Writes one summary of turns; several rounds if they do not fit the context together.

    ``engine``: a copy of the session's, so that what the cache holds of these turns is reused. ``reply``: stops it.
    ``background``: what stands before the turns, besides the system prompt.
    """

    def __init__(
        self,
        engine: "EngineSession",
        session: Session,
        reply: Reply,
        params: "SamplingParams",
        variables: dict[str, bool],
        background: Background,
    ) -> None:
        self._engine = engine
        self._session = session
        self._reply = reply
        self._most = engine.context // SHARE
        self._params = replace(params, max_tokens=self._most, stop=(), ban=())
        self._variables = variables
        self._background = background

    async def summarise(self, system: list[Node], turns: list[list[Node]]) -> Node | None:
        """The summary as a system message; None if it was stopped. ``system``: earlier summaries.

        Raises SummaryError or InferenceError.
        """
        summary: Node | None = None
        while turns:
            before = system if summary is None else [summary]
            taken = await in_thread(self._taken, before, turns)
            if not taken:
                raise SummaryError(TOO_LONG)
            summary = await self._generate([*before, *chain(*turns[:taken])])
            if summary is None:
                return None
            turns = turns[taken:]
        return summary

    def _taken(self, before: list[Node], turns: list[list[Node]]) -> int:
        """Number of turns that fit beside their summary."""

        def too_many(number: int) -> bool:
            messages = self._messages([*before, *chain(*turns[:number])])
            return self._engine.count(messages, self._variables) + self._most > self._engine.context

        return bisect_left(range(1, len(turns) + 1), True, key=too_many)

    def _messages(self, nodes: list[Node]) -> list[dict[str, Any]]:
        request = REQUEST.format(words=self._most // 2)
        messages = self._session.messages(nodes, self._session.model, background=self._background)
        return [*messages, {"role": "user", "content": request}]

    async def _generate(self, nodes: list[Node]) -> Node | None:
        generation = await in_thread(self._engine.reply, self._messages(nodes), self._params, False, self._variables)
        self._reply.generation = generation
        if self._reply.cancelled:
            generation.cancel()
        text, finished = await self._follow(generation)
        if finished.reason == "cancelled":
            return None
        if not (written := without_thoughts(text).strip()):
            raise SummaryError(EMPTY)
        outcome = outcome_of(generation, finished, self._session.model)
        return Node(new_id(), None, "system", f"{HEADING}\n\n{written}", outcome=outcome)

    async def _follow(self, generation: "Generation") -> "tuple[str, Finished]":
        text = ""
        while True:
            await asyncio.sleep(INTERVAL)
            progress = coalesce(self._reply, generation.poll())
            text += progress.text
            if progress.failure is not None:
                raise SummaryError(progress.failure)
            if progress.finished is not None:
                return text, progress.finished
