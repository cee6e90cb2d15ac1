"""Engine events into Textual messages: read without waiting, and made one message per reply and tick."""

from typing import TYPE_CHECKING

from textual.message import Message
from textual.message_pump import MessagePump
from textual.timer import Timer

from tui.services.reply import Reply

if TYPE_CHECKING:
    from inference import Event, Finished, InferenceError

INTERVAL = 1 / 30


class Progress(Message):
    """What became of a reply since the last message: ``text`` to append and, once, how it ended."""

    def __init__(self, reply: Reply, text: str, finished: "Finished | None", error: "InferenceError | None") -> None:
        super().__init__()
        self.reply = reply
        self.text = text
        self.finished = finished
        self.error = error

    @property
    def ended(self) -> bool:
        return self.finished is not None or self.error is not None


class Bridge:
    """Polls the generations it watches, and nothing when it watches none."""

    def __init__(self, pump: MessagePump) -> None:
        self._pump = pump
        self._replies: list[Reply] = []
        self._timer: Timer | None = None

    def watch(self, reply: Reply) -> None:
        """Post Progress for a reply that has a generation, until it ends."""
        self._replies.append(reply)
        if self._timer is None:
            self._timer = self._pump.set_interval(INTERVAL, self._tick)

    def _tick(self) -> None:
        for reply in list(self._replies):
            assert reply.generation is not None
            if events := reply.generation.poll():
                progress = self._coalesce(reply, events)
                if progress.ended:
                    self._replies.remove(reply)
                self._pump.post_message(progress)
        if not self._replies and self._timer is not None:
            self._timer.stop()
            self._timer = None

    def _coalesce(self, reply: Reply, events: "list[Event]") -> Progress:
        from inference import Failed, Finished, Prefill, Started, Token

        texts: list[str] = []
        finished: Finished | None = None
        error: InferenceError | None = None
        for event in events:
            if isinstance(event, Token):
                texts.append(event.text)
                reply.tokens += event.token_id is not None
            elif isinstance(event, Prefill):
                reply.prefill = (event.done, event.total)
            elif isinstance(event, Started):
                reply.prompt_tokens, reply.reused_tokens = event.prompt_tokens, event.reused_tokens
                reply.streaming = True
            elif isinstance(event, Finished):
                finished = event
            elif isinstance(event, Failed):
                error = event.error
        return Progress(reply, "".join(texts), finished, error)
