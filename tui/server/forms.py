"""The JSON objects of replies: chat completions and text completions, whole and in chunks."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from inference import Stats
from tui.server.logprobs import SampledToken, for_completion


@dataclass
class Choice:
    """One reply: what was written so far. ``before`` stands in front of it, if the request wants its prompt back."""

    before: str = ""
    texts: list[str] = field(default_factory=list)
    tokens: list[SampledToken] = field(default_factory=list)
    finish_reason: str | None = None
    sent: int = 0  # characters of tokens in earlier chunks

    @property
    def text(self) -> str:
        """All of it."""
        return self.before + "".join(self.texts)


class Form(Protocol):
    """How a reply is written down."""

    def whole(self, choices: Sequence[Choice], usage: dict[str, Any]) -> dict[str, Any]:
        """The response to a request that does not stream."""

    def opening(self, index: int, choice: Choice) -> dict[str, Any] | None:
        """The first chunk of a reply, if it has one before its text."""

    def piece(self, index: int, choice: Choice, text: str, tokens: list[SampledToken]) -> dict[str, Any]:
        """A chunk with text."""

    def ending(self, index: int, choice: Choice) -> dict[str, Any]:
        """The chunk that says why the reply ended."""

    def last(self, usage: dict[str, Any]) -> dict[str, Any]:
        """The chunk with the counts of tokens."""


class _Named:
    """What all objects of one response share."""

    def __init__(self, prefix: str, model: str, fingerprint: str, logprobs: bool) -> None:
        self._logprobs = logprobs
        self._common = {
            "id": f"{prefix}-{secrets.token_hex(12)}",
            "created": int(time.time()),
            "model": model,
            "system_fingerprint": fingerprint,
        }

    def _object(self, kind: str, choices: list[dict[str, Any]], **others: Any) -> dict[str, Any]:
        return {"object": kind, **self._common, "choices": choices, **others}


class ChatForm(_Named):
    """Chat completions."""

    def __init__(self, model: str, fingerprint: str, logprobs: bool) -> None:
        super().__init__("chatcmpl", model, fingerprint, logprobs)

    def whole(self, choices: Sequence[Choice], usage: dict[str, Any]) -> dict[str, Any]:
        replies = [
            {
                "index": index,
                "message": {"role": "assistant", "content": choice.text, "refusal": None},
                "logprobs": self._of(choice.tokens),
                "finish_reason": choice.finish_reason,
            }
            for index, choice in enumerate(choices)
        ]
        return self._object("chat.completion", replies, usage=usage)

    def opening(self, index: int, choice: Choice) -> dict[str, Any]:
        return self._chunk(index, {"role": "assistant", "content": ""})

    def piece(self, index: int, choice: Choice, text: str, tokens: list[SampledToken]) -> dict[str, Any]:
        return self._chunk(index, {"content": text}, logprobs=self._of(tokens))

    def ending(self, index: int, choice: Choice) -> dict[str, Any]:
        return self._chunk(index, {}, finish_reason=choice.finish_reason)

    def last(self, usage: dict[str, Any]) -> dict[str, Any]:
        return self._object("chat.completion.chunk", [], usage=usage)

    def _chunk(
        self,
        index: int,
        delta: dict[str, Any],
        logprobs: dict[str, Any] | None = None,
        finish_reason: str | None = None,
    ) -> dict[str, Any]:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        return self._object("chat.completion.chunk", [choice])

    def _of(self, tokens: list[SampledToken]) -> dict[str, Any] | None:
        return {"content": [token.for_chat for token in tokens], "refusal": None} if self._logprobs else None


class CompletionForm(_Named):
    """Text completions."""

    def __init__(self, model: str, fingerprint: str, logprobs: bool) -> None:
        super().__init__("cmpl", model, fingerprint, logprobs)

    def whole(self, choices: Sequence[Choice], usage: dict[str, Any]) -> dict[str, Any]:
        texts = [
            self._choice(index, choice.text, self._of(choice, choice.tokens), choice.finish_reason)
            for index, choice in enumerate(choices)
        ]
        return self._object("text_completion", texts, usage=usage)

    def opening(self, index: int, choice: Choice) -> dict[str, Any] | None:
        return self._chunk(index, choice.before, None, None) if choice.before else None

    def piece(self, index: int, choice: Choice, text: str, tokens: list[SampledToken]) -> dict[str, Any]:
        logprobs = self._of(choice, tokens)
        choice.sent += sum(len(token.text) for token in tokens)
        return self._chunk(index, text, logprobs, None)

    def ending(self, index: int, choice: Choice) -> dict[str, Any]:
        return self._chunk(index, "", None, choice.finish_reason)

    def last(self, usage: dict[str, Any]) -> dict[str, Any]:
        return self._object("text_completion", [], usage=usage)

    def _chunk(self, index: int, text: str, logprobs: dict[str, Any] | None, reason: str | None) -> dict[str, Any]:
        return self._object("text_completion", [self._choice(index, text, logprobs, reason)])

    def _choice(self, index: int, text: str, logprobs: dict[str, Any] | None, reason: str | None) -> dict[str, Any]:
        return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": reason}

    def _of(self, choice: Choice, tokens: list[SampledToken]) -> dict[str, Any] | None:
        return for_completion(tokens, choice.sent) if self._logprobs else None


def usage_of(stats: Sequence[Stats], count: int) -> dict[str, Any]:
    """Count tokens. ``stats``: of each reply, ``count`` of them to a prompt; each prompt counts once.

    Its first reply is the one that reads it; what that one has found in a cache is ``cached_tokens``.
    """
    prompt = sum(each.prompt_tokens for each in stats[::count])
    cached = sum(each.reused_tokens for each in stats[::count])
    completion = sum(each.generated_tokens for each in stats)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
    }
