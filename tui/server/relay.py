"""Carries a request from where it comes in to the replica that answers it, and the response back."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Scope

from tui.server.errors import RequestError
from tui.server.fields import json_object

# What another process needs to know of a connection; the rest of a scope stays where it is.
CARRIED = ("type", "asgi", "http_version", "method", "scheme", "path", "raw_path", "query_string", "headers")
# Characters of a text by which it is recognized when it has grown.
BEGINNING = 256


@dataclass(frozen=True)
class RelayedRequest:
    """``conversation``: an identifier that its turns have in common; empty if the request belongs to none."""

    scope: dict[str, Any]
    body: bytes
    conversation: str


def relayed(scope: Scope, body: bytes) -> RelayedRequest:
    """A request as it can be sent to a process on another machine, which is not called what this one is."""
    carried = {name: scope[name] for name in CARRIED if name in scope}
    carried["headers"] = [*(each for each in scope["headers"] if each[0] != b"host"), (b"host", b"localhost")]
    return RelayedRequest(carried, body, _conversation(body))


def _conversation(body: bytes) -> str:
    """A digest of how the conversation or text begins, which stays the same while it grows."""
    try:
        values = json_object(body)
    except RequestError:  # the replica will tell
        return ""
    beginning = _first_messages(values.get("messages")) or _first_characters(values.get("prompt"))
    return hashlib.sha256(beginning.encode("utf-8", "surrogatepass")).hexdigest()[:32] if beginning else ""


def _first_messages(messages: Any) -> str:
    """Those up to the first of the user: what follows them differs from turn to turn."""
    if not isinstance(messages, list):
        return ""
    asked = [isinstance(message, dict) and message.get("role") == "user" for message in messages]
    return json.dumps(messages[: asked.index(True) + 1]) if True in asked else ""


def _first_characters(prompt: Any) -> str:
    return (prompt if isinstance(prompt, str) else json.dumps(prompt))[:BEGINNING] if prompt else ""


async def respond(app: ASGIApp, request: RelayedRequest) -> AsyncIterator[Message]:
    """The messages of the response of ``app``, as they come. To close it early cancels the request."""
    unread = [request.body]
    messages: asyncio.Queue[Message | None] = asyncio.Queue()

    async def receive() -> Message:
        if not unread:
            await asyncio.Event().wait()  # who goes away is noticed where the request came in
        return {"type": "http.request", "body": unread.pop(), "more_body": False}

    async def run() -> None:
        try:
            await app(dict(request.scope), receive, messages.put)
        finally:
            messages.put_nowait(None)

    running = asyncio.ensure_future(run())
    try:
        while (message := await messages.get()) is not None:
            yield message
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)  # an error was answered, and is in the log
