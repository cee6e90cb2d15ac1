"""Tokenizer: text to token ids and back. Plain text never becomes a control token."""

import itertools
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from inference.errors import CheckpointError, ContextOverflowError, InferenceError, from_library
from inference.text.passed_trials import PassedTrials
from inference.text.sandbox_process import SandboxError, SandboxProcess, SandboxRefusal
from inference.text.tokenizer_file import LoadedTokenizer, TokenUse, other_tag, read_tokenizer
from inference.text.turn_markers import NO_MARKERS, TurnMarkers

# Limits of the trial run: the file is parsed twice, and large ones have a quarter of a million tokens.
TRIAL_MEMORY, MEMORY_PER_BYTE = 256 * 2**20, 32
TRIAL_SECONDS = 5
# Prefixes for encoding text that continues other text; one of them does not merge with it.
ANCHORS = ("\n", ".", "a")
NO_TEXT = "The input is not valid Unicode text."

_passed = PassedTrials()

Span = tuple[int, int]
Run = Callable[[str, bool], tuple[list[int], list[Span]]]
# Texts with more than LONG characters per available token are measured in chunks of MEASURED characters; a cut adds at
# most AT_A_CUT tokens.
LONG, MEASURED, AT_A_CUT = 8, 2**14, 16


def _failed(why: str) -> InferenceError:
    return InferenceError(f"The tokenizer failed ({why}); tokenizer.json may be corrupt.")


class TokenizerSource(Protocol):
    """The sources of a tokenizer; every Checkpoint is one. See there."""

    @property
    def tokenizer_file(self) -> Path: ...
    @property
    def tokenizer_json(self) -> bytes: ...
    @property
    def tokenizer_config(self) -> Mapping[str, Any]: ...
    @property
    def special_tokens(self) -> Mapping[str, Any]: ...


class Tokenizer:
    """A tokenizer from ``tokenizer.json``.

    Control tokens (special tokens, the model's end tokens and whatever added token its chat template writes) are
    produced only by ``encode_control`` and as BOS/EOS around a text, never by plain text. ``tags``: those of them that
    enclose parts of a reply, such as ``<think>`` and ``</think>``; a reply may have them.
    """

    def __init__(self, loaded: LoadedTokenizer, bos_token_id: int | None = None) -> None:
        """``bos_token_id``: prepended if the backend's post-processor does not."""
        self._backend = backend = loaded.backend
        self._lock = threading.Lock()
        around = self._run(ANCHORS[-1], True, add_special_tokens=True)
        own = [index for index, added in enumerate(around.special_tokens_mask) if not added] or [len(around.ids)]
        self._before = [*([] if bos_token_id is None else [bos_token_id]), *around.ids[: own[0]]]
        self._after = around.ids[own[-1] + 1 :]
        added = backend.get_added_tokens_decoder()
        self.control_tokens = {token.content: id_ for id_, token in added.items() if token.special}
        self.control_ids = frozenset(self.control_tokens.values())
        visible = {text: id_ for text, id_ in self.control_tokens.items() if id_ in loaded.visible_ids}
        self.tags = {text: id_ for text, id_ in visible.items() if other_tag(text) in visible.keys() - {text}}
        self.hidden_ids = self.control_ids - loaded.visible_ids
        self._unknown_id = loaded.unknown_id
        longest_first = sorted(self.control_tokens, key=len, reverse=True)
        self._control = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    @classmethod
    def load(
        cls,
        source: TokenizerSource,
        end_ids: Iterable[int] = (),
        markers: TurnMarkers = NO_MARKERS,
        vocab_size: int | None = None,
    ) -> "Tokenizer":
        """Load a model's tokenizer; ``end_ids`` and what the chat template writes always become control tokens.

        ``vocab_size``: number of tokens that the model has. Raises CheckpointError if it is missing or corrupt.
        """
        content, path, settings = source.tokenizer_json, source.tokenizer_file, source.tokenizer_config
        use = TokenUse(
            special=list(_special_tokens(source)),
            special_ids=list(end_ids),
            added=_added_tokens(settings),
            written=markers.text,
            after_reply=markers.after_reply,
            vocab_size=vocab_size,
        )
        _try(content, path, use)
        loaded = read_tokenizer(content, path, use)
        backend = loaded.backend
        with from_library(lambda why: CheckpointError(f"{path} cannot be used as a tokenizer ({why[:120]}).")):
            bos = backend.token_to_id(token_text(settings.get("bos_token")) or "")
            wanted = settings.get("add_bos_token") is True and bos is not None
            return cls(loaded, bos if wanted and bos not in backend.encode("a").ids else None)

    @cached_property
    @from_library(_failed)
    def vocab_size(self) -> int:
        """One more than the largest token id, added tokens included. To list them takes tens of milliseconds."""
        return max(self._backend.get_vocab(with_added_tokens=True).values(), default=-1) + 1

    @from_library(_failed)
    def token_id(self, token: str) -> int | None:
        """The id of a token, or None."""
        found = self._backend.token_to_id(token)
        return None if found is None else int(found)

    def encode(self, text: str, add_special_tokens: bool = True) -> list[int]:
        """Encode plain text; ``add_special_tokens`` adds the tokenizer's own BOS/EOS.

        The text of a control token (``<|im_end|>``, ``</s>``) is encoded as its characters.
        """
        ids = self._encode_plain(text, self._begin)
        return [*self._before, *ids, *self._after] if add_special_tokens else ids

    def encode_control(self, text: str) -> list[int]:
        """Encode template output, including its control tokens. Nothing is added around it."""
        return self._encode_control(text, self._begin)

    def encode_continuation(self, text: str, plain: bool = True) -> list[int]:
        """Encode text that continues other text, without a leading blank."""
        return self._encode_plain(text, self._go_on) if plain else self._encode_control(text, self._go_on)

    def check_fits(self, text: str, limit: int, shown: Callable[[str], str] = str) -> None:
        """Raises ContextOverflowError if ``text`` clearly exceeds ``limit`` tokens, without encoding all of it.

        Takes time proportional to ``limit``, not to the text. ``shown`` converts each chunk before encoding.
        """
        least = 0
        for end in range(MEASURED, len(text) + MEASURED, MEASURED) if len(text) > LONG * limit else ():
            least += max(0, len(self._run(shown(text[end - MEASURED : end]), plain=True).ids) - AT_A_CUT)
            if least > limit:
                raise ContextOverflowError(int(least * max(1.0, len(text) / end)), limit, about=True)

    def encode_pieces(self, pieces: Iterable[str | Sequence[int]], limit: int | None = None) -> list[int]:
        """Encode a sequence of plain texts and known ids as one text. A leading text gets BOS, even if empty.

        Raises ContextOverflowError if it clearly exceeds ``limit`` tokens.
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
            elif index == 0 or (piece and not begun):  # nothing precedes it
                ids = self.encode(piece)
                begun = bool(piece)
            elif piece:
                ids += self.encode_continuation(piece)
        return ids

    @from_library(_failed)
    def decode(self, ids: Sequence[int], skip_special_tokens: bool = True) -> str:
        """Decode ids, skipping unknown ids and (by default) special tokens."""
        if skip_special_tokens:
            ids = [id_ for id_ in ids if id_ not in self.hidden_ids]
        return str(self._backend.decode(list(ids), skip_special_tokens=False))

    @from_library(_failed)
    def ordinary(self, ids: Iterable[int]) -> bool:
        """True if all ids are in the vocabulary and none is a control token other than a tag."""
        forbidden = self.control_ids.difference(self.tags.values())
        return all(
            type(id_) is int
            and 0 <= id_ < 2**32
            and id_ not in forbidden
            and self._backend.id_to_token(id_) is not None
            for id_ in set(ids)
        )

    def first_control(self, text: str) -> int | None:
        """The id of the control token that ``text`` begins with, after white space."""
        match = self._control.match(text.lstrip())
        return self.control_tokens[match.group()] if match else None

    def _encode_plain(self, text: str, run: Run) -> list[int]:
        """Encode without control tokens. If the vocabulary or its merges produce one, the text is split there."""
        ids, spans = run(text, True)
        at = [(id_, span) for id_, span in zip(ids, spans, strict=True) if id_ in self.control_ids]
        found = [span for id_, span in at if self._forged(id_, text[slice(*span)])]
        if not found:
            return ids
        if len(text) == 1:  # a single character that is a control token
            return [id_ for id_ in ids if not self._forged(id_, text)]
        cuts = {cut for span in found for cut in _cuts(span, len(text))}
        parts = [text[start:end] for start, end in itertools.pairwise([0, *sorted(cuts), len(text)])]
        return [*self._encode_plain(parts[0], run), *(i for part in parts[1:] for i in self.encode_continuation(part))]

    def _forged(self, id_: int, text: str) -> bool:
        """True if ``id_`` is a control token (an unknown token counts only if ``text`` spells it)."""
        return id_ in self.control_ids and (id_ != self._unknown_id or self.control_tokens.get(text) == id_)

    def _encode_control(self, text: str, run: Run) -> list[int]:
        """Encode with exactly the control tokens that ``text`` spells out."""
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
        """Unchecked ids of a text at the beginning, with their spans."""
        encoding = self._run(text, plain)
        return encoding.ids, encoding.offsets

    def _go_on(self, text: str, plain: bool) -> tuple[list[int], list[Span]]:
        """Unchecked ids of a text after other text, with their spans."""
        for anchor in ANCHORS:
            head = self._run(anchor, plain).ids
            encoding = self._run(anchor + text, plain)
            if encoding.ids[: len(head)] == head:
                spans = [(max(0, s - len(anchor)), max(0, e - len(anchor))) for s, e in encoding.offsets[len(head) :]]
                return encoding.ids[len(head) :], spans
        return self._begin(text, plain)

    @from_library(_failed)
    def _run(self, text: str, plain: bool, add_special_tokens: bool = False) -> Any:
        # encode_special_tokens is global state of the backend, shared by threads.
        with self._lock:
            self._backend.encode_special_tokens = plain
            try:
                return self._backend.encode(text, add_special_tokens=add_special_tokens)
            except (UnicodeEncodeError, TypeError):
                raise InferenceError(NO_TEXT) from None


def _cuts(span: Span, length: int) -> set[int]:
    """Positions that split ``span`` in a text of ``length`` characters."""
    start, end = span
    if end - start > 1:
        return {(start + end) // 2}
    if end - start == 1 and length > 1:  # isolate a single character
        return {start, end} - {0, length}
    return {length // 2}  # unknown span


def _try(content: bytes, path: Path, use: TokenUse) -> None:
    """Try the tokenizer in a sandbox process before loading it here, unless this very one passed before."""
    size = len(content)
    limits = TRIAL_MEMORY + MEMORY_PER_BYTE * size, TRIAL_SECONDS + size / 2**20
    trial = _passed.digest(repr((limits, use)).encode("utf-8", "surrogatepass"), content)
    if trial in _passed:
        return
    process = SandboxProcess(*limits)
    try:
        process.ask(content, task="try", path=str(path), **asdict(use))
    except SandboxRefusal as refusal:
        raise CheckpointError(str(refusal)) from None
    except SandboxError as error:
        why = "it exceeded its time limit" if error.limit == "time" else "it exceeded its memory limit"
        raise CheckpointError(f"{path} cannot be used as a tokenizer ({why}).") from None
    finally:
        process.close()
    _passed.add(trial)


def _special_tokens(source: TokenizerSource) -> Iterator[str]:
    """All tokens that the tokenizer's config gives a name."""
    for settings in (source.tokenizer_config, source.special_tokens):
        for key, value in settings.items():
            if key.endswith(("_token", "_tokens")):
                values = value if isinstance(value, list) else [value]
                if key.endswith("_tokens") and isinstance(value, dict):
                    values = list(value.values())
                yield from (text for item in values if (text := token_text(item)) is not None)


def _added_tokens(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The tokens of ``added_tokens_decoder`` that are sound."""
    added = settings.get("added_tokens_decoder")
    entries = added.items() if isinstance(added, dict) else ()
    return {id_: token for id_, token in entries if id_.isdecimal() and isinstance(token, dict) and token_text(token)}


def token_text(value: Any) -> str | None:
    """A token from ``tokenizer_config.json``: a string, or an object with ``content``."""
    if isinstance(value, dict):
        value = value.get("content")
    return value if isinstance(value, str) else None
