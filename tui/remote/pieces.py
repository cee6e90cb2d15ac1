"""The pieces of a reply, as servers send them in JSON."""

import json
from dataclasses import dataclass
from typing import Any

from tui.remote.call import reason_in
from tui.remote.errors import RemoteError
from tui.remote.event_stream import GARBLED

HIGHEST_COUNT = 10**9
# Where servers put what the model thinks, if they tell it from the reply.
THOUGHTS = ("reasoning_content", "reasoning")


@dataclass(frozen=True)
class Usage:
    """Counts of tokens."""

    prompt: int
    cached: int
    generated: int


@dataclass(frozen=True)
class Piece:
    """What one event brings. ``reason``: why the reply has ended; empty until then."""

    text: str = ""
    thought: str = ""
    reason: str = ""
    usage: Usage | None = None


def read_piece(host: str, data: str, key: str) -> Piece:
    """Read the data of an event. Raises RemoteError for an error that the server reports, and for what is no piece.

    ``key``: what the server must not have us show.
    """
    try:
        values = json.loads(data)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise RemoteError(GARBLED.format(host=host, why="invalid JSON"))
    if values.get("error"):
        raise RemoteError(f"{host} could not go on. {reason_in(values, key)}".rstrip())
    choices = values.get("choices")
    choice = _dict(choices[0]) if isinstance(choices, list) and choices else {}
    delta = _dict(choice.get("delta"))
    return Piece(
        text=_text(delta.get("content")) or _text(choice.get("text")),
        thought=next((found for name in THOUGHTS if (found := _text(delta.get(name)))), ""),
        reason=_text(choice.get("finish_reason")),
        usage=_usage(values.get("usage")),
    )


def _usage(value: Any) -> Usage | None:
    if not isinstance(value, dict):
        return None
    prompt, generated = _count(value.get("prompt_tokens")), _count(value.get("completion_tokens"))
    cached = _count(_dict(value.get("prompt_tokens_details")).get("cached_tokens"))
    return Usage(prompt, min(cached, prompt), generated)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: Any) -> int:
    return value if type(value) is int and 0 <= value <= HIGHEST_COUNT else 0


def _text(value: Any) -> str:
    """A text that can be stored: halves of characters are replaced."""
    return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace") if isinstance(value, str) else ""
