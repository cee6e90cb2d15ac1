"""Text to token ids and back. What people type never becomes a control token."""

import json
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import tokenizers

from inference.errors import CheckpointError, InferenceError, from_library
from inference.json_file import read_json

MAX_TOKENIZER_BYTES = 64 * 2**20
# Text put before a piece that does not begin a text; one of them never merges with what follows.
ANCHORS = ("\n", ".", "a")
NO_TEXT = "What was given is not text: it has bytes, or halves of characters, that no encoding stands for."


def _failed(why: str) -> InferenceError:
    return InferenceError(f"The model's tokenizer failed ({why}); its tokenizer.json is damaged, or its text too odd.")


class Tokenizer:
    """A ``tokenizer.json`` read as data. Control tokens (those it calls special, and the model's end tokens) are only
    ever produced by ``encode_control`` and by what surrounds a text (BOS), never by the text itself.
    """

    def __init__(self, backend: tokenizers.Tokenizer, bos_token_id: int | None = None) -> None:
        """``bos_token_id``: put before a text where the backend's own post-processor does not do it."""
        self._backend = backend
        self._bos = [] if bos_token_id is None else [bos_token_id]
        self._lock = threading.Lock()
        added = backend.get_added_tokens_decoder()
        self.control_tokens = {token.content: id_ for id_, token in added.items() if token.special}
        self.control_ids = frozenset(self.control_tokens.values())

    @classmethod
    def load(cls, directory: Path, end_ids: Iterable[int] = ()) -> "Tokenizer":
        """Read ``tokenizer.json`` of a model directory; ``end_ids`` become control tokens where it forgot to say so.

        Raises CheckpointError if it is missing or damaged.
        """
        path = directory / "tokenizer.json"
        description = read_json(path, MAX_TOKENIZER_BYTES)
        settings = read_tokenizer_config(directory)
        names = {token_text(settings.get(key)) for key in ("bos_token", "eos_token")}
        ids = set(end_ids)
        with from_library(lambda why: CheckpointError(f"{path} cannot be used as a tokenizer ({why[:120]}).")):
            for token in description.get("added_tokens") or []:
                if token["special"] or token["content"] in names or token["id"] in ids:
                    # Found as it is spelled, not as a normaliser would respell it.
                    token |= {"special": True, "normalized": False}
            # Truncation and padding are for training; here they would lose or invent text.
            description |= {"truncation": None, "padding": None}
            backend = tokenizers.Tokenizer.from_str(json.dumps(description))
            bos = backend.token_to_id(token_text(settings.get("bos_token")) or "")
            wanted = settings.get("add_bos_token") is True and bos is not None
            return cls(backend, bos if wanted and bos not in backend.encode("a").ids else None)

    @property
    @from_library(_failed)
    def vocab_size(self) -> int:
        """One more than the largest token id, added tokens included."""
        return max(self._backend.get_vocab(with_added_tokens=True).values(), default=-1) + 1

    @from_library(_failed)
    def token_id(self, token: str) -> int | None:
        """The id of one whole token, or None if the vocabulary lacks it."""
        found = self._backend.token_to_id(token)
        return None if found is None else int(found)

    def encode(self, text: str, add_special_tokens: bool = True) -> list[int]:
        """Token ids of plain text; ``add_special_tokens`` puts what the tokenizer puts around it (usually BOS).

        A control token spelled out in ``text`` (``<|im_end|>``, ``</s>``) is encoded as the characters it is made of.
        """
        ids = self._encode(text, add_special_tokens, plain=True)
        return self._bos + ids if add_special_tokens else ids

    def encode_control(self, text: str) -> list[int]:
        """Token ids of text that a template wrote: control tokens in it are meant. Nothing is put around it."""
        return self._encode(text, add_special_tokens=False, plain=False)

    def encode_continuation(self, text: str, plain: bool = True) -> list[int]:
        """Token ids of text that follows other text: no blank is put before it as before the beginning of a text."""
        for anchor in ANCHORS:
            head = self._encode(anchor, False, plain)
            whole = self._encode(anchor + text, False, plain)
            if whole[: len(head)] == head:
                return whole[len(head) :]
        return self._encode(text, False, plain)

    def encode_pieces(self, pieces: Iterable[str | Sequence[int]]) -> list[int]:
        """Plain text and ids already known, in turn, as one text. A first piece of text gets BOS, even an empty one."""
        ids: list[int] = []
        begun = False
        for index, piece in enumerate(pieces):
            if not isinstance(piece, str):
                ids += piece
                begun = True
            elif index == 0 or (piece and not begun):  # what follows nothing is the beginning
                ids = self.encode(piece)
                begun = bool(piece)
            elif piece:
                ids += self.encode_continuation(piece)
        return ids

    @from_library(_failed)
    def decode(self, ids: Sequence[int], skip_special_tokens: bool = True) -> str:
        """Text of token ids; control tokens are left out unless asked for, unknown ids always."""
        if skip_special_tokens:
            ids = [id_ for id_ in ids if id_ not in self.control_ids]
        return str(self._backend.decode(list(ids), skip_special_tokens=False))

    @from_library(_failed)
    def ordinary(self, ids: Iterable[int]) -> bool:
        """Whether all of them are in the vocabulary and none is a control token."""
        return all(
            type(id_) is int
            and 0 <= id_ < 2**32
            and id_ not in self.control_ids
            and self._backend.id_to_token(id_) is not None
            for id_ in set(ids)
        )

    @from_library(_failed)
    def _encode(self, text: str, add_special_tokens: bool, plain: bool) -> list[int]:
        # The flag belongs to the backend: whoever asks next, from whatever thread, must find it as it needs it.
        with self._lock:
            self._backend.encode_special_tokens = plain
            try:
                return list(self._backend.encode(text, add_special_tokens=add_special_tokens).ids)
            except (UnicodeEncodeError, TypeError):
                raise InferenceError(NO_TEXT) from None


def read_tokenizer_config(directory: Path) -> dict[str, Any]:
    """``tokenizer_config.json``, or nothing where a model has none."""
    path = directory / "tokenizer_config.json"
    return read_json(path) if path.exists() else {}


def token_text(value: Any) -> str | None:
    """A token as ``tokenizer_config.json`` spells it: a string, or an object with its content."""
    if isinstance(value, dict):
        value = value.get("content")
    return value if isinstance(value, str) else None
