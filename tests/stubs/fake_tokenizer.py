"""The tokenizer and the chat template of the fake engine's models: one token per word."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

WORD = re.compile(r"\s*\S+|\s+")


class Words:
    """A tokenizer with one token per word; it learns its vocabulary as it reads. None of them is hidden."""

    hidden_ids: frozenset[int] = frozenset()
    tags: Mapping[str, int] = {}

    def __init__(self) -> None:
        self._words: list[str] = []
        self._ids: dict[str, int] = {}

    @property
    def vocab_size(self) -> int:
        return len(self._words)

    def encode(self, text: str, add_special_tokens: bool = True) -> list[int]:
        return [self._id(word) for word in WORD.findall(text)]

    def encode_continuation(self, text: str) -> list[int]:
        return self.encode(text)

    def encode_pieces(self, pieces: Sequence[str | Sequence[int]], limit: int | None = None) -> list[int]:
        return [id_ for piece in pieces for id_ in (self.encode(piece) if isinstance(piece, str) else piece)]

    def decode(self, ids: Sequence[int], skip_special_tokens: bool = True) -> str:
        return "".join(self._words[id_] for id_ in ids)

    def ordinary(self, ids: Sequence[int]) -> bool:
        return all(0 <= id_ < len(self._words) for id_ in ids)

    def token(self, text: str) -> int:
        """The id of ``text`` as a whole."""
        return self._id(text)

    def _id(self, word: str) -> int:
        if word not in self._ids:
            self._ids[word] = len(self._words)
            self._words.append(word)
        return self._ids[word]


class Template:
    """Role and text of each message, one after the other. ``switches``: see ChatTemplate."""

    switches: Mapping[str, bool | None] = {}

    @property
    def reasoning_switch(self) -> str | None:
        return next(iter(self.switches), None)

    def encode(
        self,
        messages: Sequence[Mapping[str, Any]],
        tokenizer: Words,
        add_generation_prompt: bool = True,
        continue_final_message: bool = False,
        limit: int | None = None,
        variables: Mapping[str, Any] = {},
    ) -> list[int]:
        pieces: list[str | Sequence[int]] = []
        for message in messages:
            pieces += [_head(tokenizer, message["role"]), message.get("token_ids") or str(message["content"])]
        return tokenizer.encode_pieces([*pieces, *([_head(tokenizer, "assistant")] if add_generation_prompt else [])])


def _head(tokenizer: Words, role: str) -> list[int]:
    """The one token before a message of this role."""
    return [tokenizer.token(f"\n{role}:\n")]
