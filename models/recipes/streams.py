"""Encodes prepared items and packs them into training sequences."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from models.recipes.prepare import Item, read_items
from models.recipes.recipe import Recipe, Source

Encoded = tuple[list[int], list[float]]  # token ids, and the loss weight of each
Piece = tuple[int, int, int]  # item, start, stop


def encode_items(items: Sequence[Item], recipe: Recipe, tokenizer: Tokenizer) -> list[Encoded]:
    """Encode items with special tokens. In chats, assistant messages have full loss weight."""
    plain = [item for item in items if "text" in item]
    if len(plain) == len(items):
        before, after = ([tokenizer.token_to_id(mark) for mark in marks] for marks in recipe.token_marks())
        texts = [str(item["text"]) for item in plain]
        bodies = [encoding.ids for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
        rows = [before + body + after for body in bodies]
        return [(row, [1.0] * len(row)) for row in rows]
    return [encode_chat(item["messages"], recipe, tokenizer) for item in items]  # type: ignore[arg-type]


def encode_chat(messages: list[dict[str, str]], recipe: Recipe, tokenizer: Tokenizer) -> Encoded:
    """Encode a conversation in ChatML, with the same ids as the exported chat template."""
    start, end = tokenizer.token_to_id("<|im_start|>"), tokenizer.token_to_id("<|im_end|>")

    def ids(text: str) -> list[int]:
        return tokenizer.encode(text, add_special_tokens=False).ids  # type: ignore[no-any-return]

    if recipe.system_prompt and messages[0]["role"] != "system":
        messages = [{"role": "system", "content": recipe.system_prompt}, *messages]
    tokens: list[int] = []
    weights: list[float] = []
    for message in messages:
        head = [start, *ids(message["role"] + "\n")]
        body = [start, *ids(message["role"] + "\n" + message["content"]), end][len(head) :]
        tail = ids("\n")
        counts = 1.0 if message["role"] == "assistant" else recipe.training.prompt_weight
        tokens += head + body + tail
        weights += [recipe.training.prompt_weight] * len(head) + [counts] * len(body)
        weights += [recipe.training.prompt_weight] * len(tail)
    return tokens, weights


class PackedRows:
    """A source packed into rows of whole items, repacked in a seeded order each epoch.

    A row starts at the beginning of an item, as prompts do, and is filled by best fit. Longer items are split into
    pieces of a row each.
    """

    def __init__(self, encoded: Sequence[Encoded], seed: int) -> None:
        self._items = [
            (np.array(ids, dtype=np.uint16), np.array(weights, dtype=np.float32)) for ids, weights in encoded
        ]
        self.tokens = sum(len(ids) for ids, _ in self._items)
        self._seed = seed
        self._rows: list[list[Piece]] = []
        self._length = 0
        self.epoch, self.row = 0, 0

    def take(self, length: int) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
        """The next row: ids [length + 1] and weights [length], zero for padding."""
        if length != self._length:
            self.row = self.row * self._length // length
            self._pack(length)
        if self.row >= len(self._rows):
            self.epoch, self.row = self.epoch + 1, 0
            self._pack(length)
        ids, weights = np.zeros(length + 1, dtype=np.uint16), np.zeros(length + 1, dtype=np.float32)
        end = 0
        for item, start, stop in self._rows[self.row]:
            begin, end = end, end + stop - start
            ids[begin:end], weights[begin:end] = self._items[item][0][start:stop], self._items[item][1][start:stop]
        self.row += 1
        return ids, weights[1:]

    def state(self) -> tuple[int, int, int]:
        return self.epoch, self.row, self._length

    def restore(self, state: tuple[int, int, int]) -> None:
        self.epoch, self.row, length = state
        if length:
            self._pack(length)

    def _pack(self, length: int) -> None:
        """Best fit, longest pieces first, in rows of length + 1."""
        self._length = length
        random = np.random.default_rng((self._seed, self.epoch))
        pieces = [
            (item, start, min(start + length + 1, len(self._items[item][0])))
            for item in random.permutation(len(self._items)).tolist()
            for start in range(0, len(self._items[item][0]), length + 1)
        ]
        pieces.sort(key=lambda piece: piece[1] - piece[2])
        self._rows = []
        free: list[tuple[int, int]] = []  # (tokens left, row), ascending
        for piece in pieces:
            size = piece[2] - piece[1]
            at = bisect.bisect_left(free, (size, -1))
            left, row = free.pop(at) if at < len(free) else (length + 1, len(self._rows))
            if row == len(self._rows):
                self._rows.append([])
            self._rows[row].append(piece)
            bisect.insort(free, (left - size, row))
        for row_pieces in self._rows:
            random.shuffle(row_pieces)
        random.shuffle(self._rows)


class Mixture:
    """Samples from all sources of a recipe by their shares."""

    def __init__(self, recipe: Recipe, run: Path, tokenizer: Tokenizer) -> None:
        self._sources: list[Source] = []
        self._packed: list[PackedRows] = []
        for number, source in enumerate(recipe.sources):
            items = read_items(run / "prepared" / f"{source.name}.jsonl")
            if items:
                self._sources.append(source)
                self._packed.append(PackedRows(encode_items(items, recipe, tokenizer), recipe.seed + number))
        self._random = np.random.default_rng(recipe.seed)

    def batch(self, rows: int, length: int, progress: float) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Ids [rows, length + 1] and weights [rows, length]."""
        shares = np.array([source.share_at(progress) for source in self._sources])
        picks = self._random.choice(len(self._packed), size=rows, p=shares / shares.sum())
        taken = [self._packed[pick].take(length) for pick in picks]
        return np.stack([ids for ids, _ in taken]).astype(np.int64), np.stack([weights for _, weights in taken])

    def describe(self) -> str:
        """Tokens and epochs seen of each source, as text."""
        pairs = zip(self._sources, self._packed, strict=True)
        return ", ".join(f"{source.name} {packed.tokens} x {packed.epoch}" for source, packed in pairs)

    def state(self) -> dict[str, object]:
        return {"random": self._random.bit_generator.state, "packed": [packed.state() for packed in self._packed]}

    def restore(self, state: dict[str, object]) -> None:
        self._random.bit_generator.state = state["random"]  # type: ignore[assignment]
        for packed, place in zip(self._packed, state["packed"], strict=True):  # type: ignore[call-overload]
            packed.restore(place)
