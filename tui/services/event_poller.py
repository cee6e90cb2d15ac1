"""Polls engine events and posts at most one message per reply and tick."""

import time
from typing import TYPE_CHECKING

from textual.message_pump import MessagePump
from textual.timer import Timer

from tui.messages import ReplyProgressed
from tui.services.reply import Reply

if TYPE_CHECKING:
    from inference import Event

INTERVAL = 1 / 30


class EventPoller:
    """Polls the watched replies; without any, its timer is stopped."""

    def __init__(self, pump: MessagePump) -> None:
        self._pump = pump
        self._replies: list[Reply] = []
        self._timer: Timer | None = None

    def watch(self, reply: Reply) -> None:
        """Post ReplyProgressed until the reply ends. Its ``generation`` must be set."""
        self._replies.append(reply)
        if self._timer is None:
            self._timer = self._pump.set_interval(INTERVAL, self._tick)

    def _tick(self) -> None:
        for reply in list(self._replies):
            assert reply.generation is not None
            if events := reply.generation.poll():
                progress = coalesce(reply, events)
                if progress.ended:
                    self._replies.remove(reply)
                self._pump.post_message(progress)
        if not self._replies and self._timer is not None:
            self._timer.stop()
            self._timer = None


def coalesce(reply: Reply, events: "list[Event]") -> ReplyProgressed:
    """Note the events in the reply; returns its progress."""
    from inference import Failed, Finished, Prefill, Started, Token

    texts: list[str] = []
    finished: Finished | None = None
    failure: str | None = None
    for event in events:
        if isinstance(event, Token):
            texts.append(event.text)
            reply.tokens += event.token_id is not None
        elif isinstance(event, Prefill):
            reply.read(event.done, event.total, time.monotonic())
        elif isinstance(event, Started):
            reply.prompt_tokens, reply.reused_tokens = event.prompt_tokens, event.reused_tokens
            reply.streaming = True
        elif isinstance(event, Finished):
            finished = event
        elif isinstance(event, Failed):
            failure = str(event.error)
    return ReplyProgressed(reply, "".join(texts), finished, failure)
