"""The response to a request for text: waits for its turn, asks the engine, sends whole or as server-sent events."""

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from inference import Event, Finished, Generation, Started, Token
from tui.server.admission import Admission
from tui.server.choices import Choices
from tui.server.errors import RequestError
from tui.server.forms import Choice, Form, usage_of
from tui.server.logprobs import SampledToken, TokenTexts
from tui.server.metrics import Metrics
from tui.server.parameters import Parameters

# Where no way was found around banned phrases, a filter has cut the reply.
REASONS = {"stop": "stop", "length": "length", "context": "length", "banned": "content_filter"}
EVENTS = (b"content-type", b"text/event-stream; charset=utf-8")
HEADERS = [EVENTS, (b"cache-control", b"no-store")]


class Answer(Response):
    """``asks``: what submits each reply, ``parameters.count`` for each prompt. ``befores``: see Choice.before.

    ``over``: called when the engine is through with them. What goes wrong before the first byte is raised as
    RequestError, afterwards sent as an event of its own.
    """

    def __init__(
        self,
        asks: Sequence[Callable[[], Generation]],
        befores: Sequence[str],
        parameters: Parameters,
        form: Form,
        token_texts: TokenTexts,
        admission: Admission,
        metrics: Metrics,
        over: Callable[[], None],
    ) -> None:
        super().__init__()
        self._asks = asks
        self._parameters = parameters
        self._form = form
        self._token_texts = token_texts
        self._admission = admission
        self._metrics = metrics
        self._over = over
        self._choices = [Choice(before) for before in befores]
        self._waiting: list[list[SampledToken]] = [[] for _ in befores]  # tokens whose text is not certain yet

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response."""
        begun = time.monotonic()
        place = await self._admission.enter(len(self._asks))

        def over() -> None:
            place.leave()
            self._over()

        async with Choices(self._asks, over) as replies:
            if self._parameters.stream:
                await self._send_events(replies, begun, send)
            else:
                async for index, event in replies.events():
                    self._take(index, event, begun)
                whole = self._form.whole(self._choices, self._usage(replies))
                await JSONResponse(whole)(scope, receive, send)

    async def _send_events(self, replies: Choices, begun: float, send: Send) -> None:
        events = replies.events()
        first = await anext(events)  # what fails before this is told by a status
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        try:
            for index, choice in enumerate(self._choices):
                await _send(send, self._form.opening(index, choice))
            await _send(send, self._chunk(*first, begun))
            async for index, event in events:
                await _send(send, self._chunk(index, event, begun))
            if self._parameters.include_usage:
                await _send(send, self._form.last(self._usage(replies)))
            end = b"data: [DONE]\n\n"
        except RequestError as error:
            end = as_event(error.body)
        await send({"type": "http.response.body", "body": end})

    def _chunk(self, index: int, event: Event, begun: float) -> dict[str, Any] | None:
        """What is to be sent for the event."""
        taken = self._take(index, event, begun)
        if isinstance(event, Finished):
            return self._form.ending(index, self._choices[index])
        return self._form.piece(index, self._choices[index], *taken) if taken else None

    def _take(self, index: int, event: Event, begun: float) -> tuple[str, list[SampledToken]] | None:
        """Note the event; returns text that has become certain with its tokens.

        A token without text may become part of a stop string, which is no part of the reply.
        """
        choice = self._choices[index]
        if isinstance(event, Started):
            self._metrics.started(event.prompt_tokens, event.reused_tokens, time.monotonic() - begun)
        elif isinstance(event, Finished):
            choice.finish_reason = REASONS[event.reason]
            self._metrics.generated(event.stats.generated_tokens)
        elif isinstance(event, Token):
            waiting = self._waiting[index]
            if self._parameters.logprobs and event.token_id is not None and event.logprob is not None:
                waiting.append(self._token_texts.sampled(event.token_id, event.logprob))
            if event.text:
                certain, self._waiting[index] = waiting, []
                if not self._parameters.stream:
                    choice.texts.append(event.text)
                    choice.tokens += certain
                return event.text, certain
        return None

    def _usage(self, replies: Choices) -> dict[str, Any]:
        return usage_of([generation.stats for generation in replies.generations], self._parameters.count)


async def _send(send: Send, value: dict[str, Any] | None) -> None:
    if value is not None:
        await send({"type": "http.response.body", "body": as_event(value), "more_body": True})


def as_event(value: dict[str, Any]) -> bytes:
    """A server-sent event; JSON has no line breaks of its own."""
    return b"data: " + json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"
