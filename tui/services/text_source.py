"""What replies are asked from: a session of the engine, or one on a server. Both are used in the same way."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from inference import Event, Model, SamplingParams, Stats


class TextStream(Protocol):
    """A reply on its way. Its events are polled, or iterated over; both may be done from any one thread."""

    @property
    def params(self) -> "SamplingParams":
        """What was asked for."""

    @property
    def token_ids(self) -> list[int]:
        """Ids that stand for the text so far; empty for a reply of a server."""

    @property
    def stats(self) -> "Stats":
        """Counts and times so far."""

    def __iter__(self) -> "Iterator[Event]": ...

    def poll(self) -> "list[Event]":
        """The events since the last call; never blocks."""

    def cancel(self) -> None:
        """Stop soon, keeping what has come; from any thread."""


class TextSource(Protocol):
    """``model``: the one that runs here; None for a server's. ``context``: in tokens; 0 if it is unknown."""

    @property
    def model(self) -> "Model | None": ...  # noqa: D102
    @property
    def context(self) -> int: ...  # noqa: D102

    def reply(
        self,
        messages: Sequence[Mapping[str, Any]],
        params: "SamplingParams | None" = None,
        continue_final_message: bool = False,
        variables: Mapping[str, Any] = {},
        drafts: Sequence[Sequence[int]] = (),
    ) -> TextStream:
        """Ask for the next message of a chat, or for more of the last one. Raises InferenceError."""

    def complete(
        self,
        text: str | Sequence[str | Sequence[int]],
        params: "SamplingParams | None" = None,
        drafts: Sequence[Sequence[int]] = (),
    ) -> TextStream:
        """Ask for the continuation of a text, or of its pieces. Raises InferenceError."""
