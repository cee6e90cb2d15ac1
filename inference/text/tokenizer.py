"""Text to token ids and back. What people type never becomes a control token."""

import itertools
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import tokenizers

from inference.errors import CheckpointError, ContextOverflowError, InferenceError, from_library
from inference.system.json_file import read_json
from inference.text.sandbox_process import SandboxError, SandboxProcess, SandboxRefusal
from inference.text.tokenizer_file import read_tokenizer

# What trying a tokenizer may take: its description is parsed twice, and large ones have a quarter of a million tokens.
TRIAL_MEMORY, MEMORY_PER_BYTE = 256 * 2**20, 32
TRIAL_SECONDS = 5
# Text put before a piece that does not begin a text; one of them never merges with what follows.
ANCHORS = ("\n", ".", "a")
NO_TEXT = "What was given is not text: it has bytes, or halves of characters, that no encoding stands for."


Span = tuple[int, int]
Run = Callable[[str, bool], tuple[list[int], list[Span]]]
# Texts with more characters than this for each token that there is room for are measured, so many characters at a time;
# each cut may add so many tokens.
LONG, MEASURED, AT_A_CUT = 8, 2**14, 16


def _failed(why: str) -> InferenceError:
    return InferenceError(f"The model's tokenizer failed ({why}); its tokenizer.json is damaged, or its text too odd.")


class Tokenizer:
    """A ``tokenizer.json`` read as data. Control tokens (those it calls special, and the model's end tokens) are only
    ever produced by ``encode_control`` and by what surrounds a text (BOS), never by the text itself.
    """

    def __init__(
        self, backend: tokenizers.Tokenizer, bos_token_id: int | None = None, unknown_id: int | None = None
    ) -> None:
        """``bos_token_id``: put before a text where the backend's own post-processor does not do it.

        ``unknown_id``: stands for what the vocabulary has no token for.
        """
        self._backend = backend
        self._lock = threading.Lock()
        around = self._run(ANCHORS[-1], True, add_special_tokens=True)
        own = [index for index, added in enumerate(around.special_tokens_mask) if not added] or [len(around.ids)]
        self._before = [*([] if bos_token_id is None else [bos_token_id]), *around.ids[: own[0]]]
        self._after = around.ids[own[-1] + 1 :]
        added = backend.get_added_tokens_decoder()
        self.control_tokens = {token.content: id_ for id_, token in added.items() if token.special}
        self.control_ids = frozenset(self.control_tokens.values())
        self._unknown_id = unknown_id
        longest_first = sorted(self.control_tokens, key=len, reverse=True)
        self._control = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    @classmethod
    def load(cls, directory: Path, end_ids: Iterable[int] = ()) -> "Tokenizer":
        """Read ``tokenizer.json`` of a model directory; ``end_ids`` become control tokens where it forgot to say so.

        Raises CheckpointError if it is missing or damaged.
        """
        path = directory / "tokenizer.json"
        settings = read_tokenizer_config(directory)
        names = [text for key in ("bos_token", "eos_token") if (text := token_text(settings.get(key))) is not None]
        ids = list(end_ids)
        _try(path, names, ids)
        backend, unknown = read_tokenizer(path, names, ids)
        with from_library(lambda why: CheckpointError(f"{path} cannot be used as a tokenizer ({why[:120]}).")):
            bos = backend.token_to_id(token_text(settings.get("bos_token")) or "")
            wanted = settings.get("add_bos_token") is True and bos is not None
            return cls(backend, bos if wanted and bos not in backend.encode("a").ids else None, unknown)

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
        ids = self._encode_plain(text, self._begin)
        return [*self._before, *ids, *self._after] if add_special_tokens else ids

    def encode_control(self, text: str) -> list[int]:
        """Token ids of text that a template wrote: control tokens in it are meant. Nothing is put around it."""
        return self._encode_control(text, self._begin)

    def encode_continuation(self, text: str, plain: bool = True) -> list[int]:
        """Token ids of text that follows other text: no blank is put before it as before the beginning of a text."""
        return self._encode_plain(text, self._go_on) if plain else self._encode_control(text, self._go_on)

    def check_fits(self, text: str, limit: int, shown: Callable[[str], str] = str) -> None:
        """Raises ContextOverflowError for a text that takes far more than ``limit`` tokens, before it is encoded whole.

        The work grows with ``limit`` and not with the text. ``shown`` makes of a part of it what is to be encoded.
        """
        least = 0
        for end in range(MEASURED, len(text) + MEASURED, MEASURED) if len(text) > LONG * limit else ():
            least += max(0, len(self._run(shown(text[end - MEASURED : end]), plain=True).ids) - AT_A_CUT)
            if least > limit:
                raise ContextOverflowError(int(least * max(1.0, len(text) / end)), limit, about=True)

    def encode_pieces(self, pieces: Iterable[str | Sequence[int]], limit: int | None = None) -> list[int]:
        """Plain text and ids already known, in turn, as one text. A first piece of text gets BOS, even an empty one.

        Raises ContextOverflowError where it is plain that this takes more than ``limit`` tokens.
        """
        pieces = list(pieces)
        if limit is not None:
            self.check_fits("".join(piece for piece in pieces if isinstance(piece, str)), limit)
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

    def _encode_plain(self, text: str, run: Run) -> list[int]:
        """Token ids of which none is a control token, though the vocabulary itself may hold one that is spelled out,
        or have merges that lead to it: then the text is cut there, until none is left.
        """
        ids, spans = run(text, True)
        at = [(id_, span) for id_, span in zip(ids, spans, strict=True) if id_ in self.control_ids]
        found = [span for id_, span in at if self._forged(id_, text[slice(*span)])]
        if not found:
            return ids
        if len(text) == 1:  # the character itself is one
            return [id_ for id_ in ids if not self._forged(id_, text)]
        cuts = {cut for span in found for cut in _cuts(span, len(text))}
        parts = [text[start:end] for start, end in itertools.pairwise([0, *sorted(cuts), len(text)])]
        return [*self._encode_plain(parts[0], run), *(i for part in parts[1:] for i in self.encode_continuation(part))]

    def _forged(self, id_: int, text: str) -> bool:
        """Whether the id that came of ``text`` is a control token; to be unknown is none, unless it is spelled out."""
        return id_ in self.control_ids and (id_ != self._unknown_id or self.control_tokens.get(text) == id_)

    def _encode_control(self, text: str, run: Run) -> list[int]:
        """Token ids whose control tokens are those that ``text`` spells out, and no other."""
        ids, _ = run(text, False)
        wanted = [(match.span(), self.control_tokens[match.group()]) for match in self._control.finditer(text)]
        kept = self.control_ids - {self._unknown_id}
        if [id_ for id_ in ids if id_ in kept] == [id_ for _, id_ in wanted if id_ in kept]:
            return ids
        ids, position = [], 0
        for (start, end), control in [*wanted, ((len(text), len(text)), None)]:
            between = text[position:start]
            if between:
                ids += self.encode_continuation(between) if position else self._encode_plain(between, run)
            ids += [] if control is None else [control]
            position = end
        return ids

    def _begin(self, text: str, plain: bool) -> tuple[list[int], list[Span]]:
        """The ids of a text that follows nothing, unchecked, and which part of it each stands for."""
        encoding = self._run(text, plain)
        return encoding.ids, encoding.offsets

    def _go_on(self, text: str, plain: bool) -> tuple[list[int], list[Span]]:
        """The same of a text that follows another."""
        for anchor in ANCHORS:
            head = self._run(anchor, plain).ids
            encoding = self._run(anchor + text, plain)
            if encoding.ids[: len(head)] == head:
                spans = [(max(0, s - len(anchor)), max(0, e - len(anchor))) for s, e in encoding.offsets[len(head) :]]
                return encoding.ids[len(head) :], spans
        return self._begin(text, plain)

    @from_library(_failed)
    def _run(self, text: str, plain: bool, add_special_tokens: bool = False) -> Any:
        # The flag belongs to the backend: whoever asks next, from whatever thread, must find it as it needs it.
        with self._lock:
            self._backend.encode_special_tokens = plain
            try:
                return self._backend.encode(text, add_special_tokens=add_special_tokens)
            except (UnicodeEncodeError, TypeError):
                raise InferenceError(NO_TEXT) from None


def _cuts(span: Span, length: int) -> set[int]:
    """Where to cut a text of ``length`` characters so that none of its parts holds the whole ``span``."""
    start, end = span
    if end - start > 1:
        return {(start + end) // 2}
    if end - start == 1 and length > 1:  # one character: alone
        return {start, end} - {0, length}
    return {length // 2}  # the library does not know where it came from


def _try(path: Path, names: Sequence[str], ids: Sequence[int]) -> None:
    """Have the tokenizer in ``path`` built and used in a process that may end over it, before it is trusted here."""
    size = path.stat().st_size if path.is_file() else 0
    process = SandboxProcess(TRIAL_MEMORY + MEMORY_PER_BYTE * size, TRIAL_SECONDS + size / 2**20)
    try:
        process.ask(task="try", path=str(path.absolute()), names=names, ids=ids)
    except SandboxRefusal as refusal:
        raise CheckpointError(str(refusal).replace(str(path.absolute()), str(path))) from None
    except SandboxError as error:
        why = "it does not come to an end" if error.limit == "time" else "it asks for more memory than it may"
        raise CheckpointError(f"{path} cannot be used as a tokenizer ({why}).") from None
    finally:
        process.close()


def read_tokenizer_config(directory: Path) -> dict[str, Any]:
    """``tokenizer_config.json``, or nothing where a model has none."""
    path = directory / "tokenizer_config.json"
    return read_json(path) if path.exists() else {}


def token_text(value: Any) -> str | None:
    """A token as ``tokenizer_config.json`` spells it: a string, or an object with its content."""
    if isinstance(value, dict):
        value = value.get("content")
    return value if isinstance(value, str) else None
