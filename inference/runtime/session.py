"""One conversation's token ids and KV cache."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from inference.errors import BusyError, CacheError, ContextOverflowError, InferenceError, TemplateError
from inference.model import Model
from inference.runtime.attention_weights import AttentionWeights
from inference.runtime.evicted_cache import CacheWriter, EvictedCache
from inference.runtime.generation import Generation
from inference.runtime.prefixes import BlockHashes, Held
from inference.runtime.request import Request, TokenSequence
from inference.runtime.sampling_params import SamplingParams
from inference.runtime.scoring import Scoring
from inference.runtime.thoughts import NO_THOUGHTS, Thoughts
from inference.text.common_prefix import common_prefix
from inference.text.message_roles import Message
from inference.text.template import ChatTemplate
from inference.transformer.kv_cache import KVCache

# Tokens that are named for each place.
LIKELIEST = 10


class Worker(Protocol):
    """The part of the engine that a session uses."""

    writer: CacheWriter

    def submit(
        self,
        session: "Session",
        prompt_ids: list[int],
        params: SamplingParams,
        thoughts: Thoughts,
        drafts: Sequence[Sequence[int]],
    ) -> Generation: ...

    def score(self, session: "Session", token_ids: list[int], start: int, likeliest: int) -> Scoring: ...


class Session:
    """``token_ids``: what the model has read and written, of which the cache holds the first ``cache.length``.

    There is one way of going on, back or elsewhere: ask with what should be the conversation now. The longest prefix
    that the cache holds already is kept, the cache is cut there, and only the rest is computed.
    """

    def __init__(
        self, engine: Worker, model: Model, cache: KVCache, token_ids: Sequence[int], on_disk: bool = True
    ) -> None:
        if cache.length > len(token_ids):
            raise CacheError(f"The cache holds {cache.length} tokens, but only {len(token_ids)} token ids were given.")
        self.model = model
        self.on_disk = on_disk
        self._cache = cache
        self._engine = engine
        self._limit = model.context
        self._token_ids = list(token_ids)
        self._hashes = BlockHashes()
        self._request: Request | None = None
        self._closed = False
        self._evicted: EvictedCache | None = None
        self._lock = threading.Lock()  # held for moments: nobody waits for a disk with it
        self._loading = threading.Lock()
        self.last_used = time.monotonic()

    @property
    def context(self) -> int:
        """Most tokens that the conversation may take: the model's limit unless ``limit`` set another."""
        return self._limit

    def limit(self, context: int | None) -> None:
        """Limit the context from the next request on; None: as the model does."""
        self._limit = min(context or self.model.context, self.model.longest_context)

    @property
    def token_ids(self) -> list[int]:
        """Return a copy."""
        return list(self._token_ids)

    @property
    def cache(self) -> KVCache:
        """The cache in memory: an empty one while it is evicted, see ``load_cache``."""
        return self._cache

    def load_cache(self) -> KVCache:
        """Bring an evicted cache back, if it is sound, and return the cache. May read a file."""
        with self._loading:
            with self._lock:
                evicted, self._evicted = self._evicted, None
            if evicted is not None and (found := evicted.take(self.model)) is not None:
                cache, token_ids = found
                with self._lock:
                    if list(token_ids[: cache.length]) == self._token_ids[: cache.length]:
                        self._cache = cache
            return self._cache

    def attention(
        self, count: int, progress: Callable[[int, int], None] = lambda done, steps: None
    ) -> AttentionWeights:
        """What each head looked at in the last of the first ``count`` token ids, to tell what comes after it.

        From any thread but the engine's; see `Model.attention_weights`. May read a file. Raises BusyError while a
        request is under way.
        """
        self.load_cache()
        with self._lock:
            if not self.idle:
                raise BusyError("This session is still replying; stop that reply first.")
            token_ids = self._token_ids[:count]
            cache = self._cache.fork(min(self._cache.length, count - 1))
        return AttentionWeights(self.model.attention_weights(token_ids, cache, progress))

    def restore(self, file: Path) -> None:
        """Begin with a saved cache in place of an empty one, if it is sound. Reads the file."""
        with suppress(CacheError):
            cache, token_ids = KVCache.load(file, self.model)
            with self._lock:
                if not self._cache.length and cache.dtype == self._cache.dtype:
                    self._token_ids, self._cache = token_ids, cache

    @property
    def resident_bytes(self) -> int:
        """Bytes of memory that the cache takes; 0 once evicted."""
        return self._cache.nbytes

    @property
    def remaining(self) -> int:
        """Tokens that are not in the cache yet."""
        return len(self._token_ids) - self.cache.length

    def reply(
        self,
        messages: Sequence[Message],
        params: SamplingParams | None = None,
        continue_final_message: bool = False,
        variables: Mapping[str, Any] = {},
        drafts: Sequence[Sequence[int]] = (),
    ) -> Generation:
        """Ask for the next message of a chat, or for more of the last one.

        ``drafts``: token ids of replies that this one may repeat in part, such as earlier ones to the same question.
        Like the prompt's own, they make it faster where they come true, and never different.

        ``variables``: of the template, such as those in its ``switches``. A thought in the reply stands between
        ``<think>`` and ``</think>``, whatever the model writes around it.

        Raises TemplateError, ContextOverflowError with both numbers (nothing is cut), or BusyError while a reply is
        under way on this session.
        """
        template, context = self._template(), self.context
        goes_on = continue_final_message
        with self._advising():
            ids = template.encode(messages, self.model.tokenizer, not goes_on, goes_on, context, variables)
            thoughts = Thoughts.after(ids, template.thought_tags, self.model.tokenizer, goes_on)
            return self._submit(ids, params, thoughts, drafts)

    def complete(
        self,
        text: str | Sequence[str | Sequence[int]],
        params: SamplingParams | None = None,
        drafts: Sequence[Sequence[int]] = (),
    ) -> Generation:
        """Ask for the continuation of ``text``: a string, or strings and token ids known already, in turn.

        ``drafts``: as of ``reply``. Raises ContextOverflowError with both numbers, InferenceError for nothing at all,
        or BusyError.
        """
        pieces = self._pieces(text)
        with self._advising():
            ids = self.model.tokenizer.encode_pieces(pieces, limit=self.context)
            return self._submit(ids, params, drafts=drafts)

    def score(
        self, messages: Sequence[Message], likeliest: int = LIKELIEST, variables: Mapping[str, Any] = {}
    ) -> Scoring:
        """Read the last message, a reply, as ``reply`` would to go on with it, and report how probable its tokens were.

        Raises the errors of ``reply``.
        """
        template, tokenizer, context = self._template(), self.model.tokenizer, self.context
        with self._advising():
            before = template.encode(messages[:-1], tokenizer, True, False, context, variables)
            ids = template.encode(messages, tokenizer, False, True, context, variables)
            return self._score(before, ids, likeliest)

    def score_text(self, text: Sequence[str | Sequence[int]], likeliest: int = LIKELIEST) -> Scoring:
        """Report how probable the tokens of the last piece of ``text`` were. Raises the errors of ``complete``."""
        pieces, tokenizer = self._pieces(text), self.model.tokenizer
        with self._advising():
            ids = tokenizer.encode_pieces(pieces, limit=self.context)
            return self._score(tokenizer.encode_pieces(pieces[:-1]), ids, likeliest)

    def count(self, messages: Sequence[Message], variables: Mapping[str, Any] = {}) -> int:
        """Count the tokens of these messages with the generation prompt; estimate if they are far too many."""
        try:
            return len(self._template().encode(messages, self.model.tokenizer, limit=self.context, variables=variables))
        except ContextOverflowError as error:
            return error.needed

    def close(self) -> None:
        """Cancel what is under way, refuse more, and forget an evicted cache."""
        with self._lock:
            self._closed = True
            evicted, self._evicted = self._evicted, None
        if evicted is not None:
            self._engine.writer.put(evicted.remove)
        if self._request is not None:
            self._request.cancel()

    def _template(self) -> ChatTemplate:
        if self.model.chat_template is None:
            raise TemplateError(self.model.no_chat)
        return self.model.chat_template

    def _submit(
        self,
        prompt_ids: list[int],
        params: SamplingParams | None,
        thoughts: Thoughts = NO_THOUGHTS,
        drafts: Sequence[Sequence[int]] = (),
    ) -> Generation:
        self._check(prompt_ids)
        known = [ids for ids in drafts if _are_ids(ids, self.model.config.vocab_size)]
        return self._engine.submit(self, prompt_ids, params or SamplingParams(), thoughts, known)

    def _score(self, before: list[int], ids: list[int], likeliest: int) -> Scoring:
        """Score what of ``ids`` differs from those ``before`` it; nothing comes before the very first."""
        self._check(ids)
        return self._engine.score(self, ids, max(1, common_prefix(before, ids)), likeliest)

    def _check(self, prompt_ids: list[int]) -> None:
        if self._closed:
            raise InferenceError("This session is closed.")
        if not prompt_ids:
            raise InferenceError("There is nothing to continue: write a few words first.")
        if len(prompt_ids) > self.context:
            raise ContextOverflowError(len(prompt_ids), self.context)

    def _pieces(self, text: str | Sequence[str | Sequence[int]]) -> Sequence[Any]:
        pieces: Sequence[Any] = text if isinstance(text, list | tuple) else [text]
        vocab_size = self.model.config.vocab_size
        if not all(isinstance(piece, str) or _are_ids(piece, vocab_size) for piece in pieces):
            raise InferenceError(f"What to continue must be text, or lists of token ids from 0 to {vocab_size - 1}.")
        return pieces

    @contextmanager
    def _advising(self) -> Iterator[None]:
        """Have a ContextOverflowError say what can be done about it."""
        try:
            yield
        except ContextOverflowError as error:
            advice = f"Shorten it, or {self._way_out(error.needed)}."
            raise ContextOverflowError(error.needed, error.available, error.about, advice) from None

    def _way_out(self, needed: int) -> str:
        """What makes room for ``needed`` tokens: a higher limit, more memory, or only another model."""
        longest, own = self.model.longest_context, self.model.config.max_position_embeddings
        if needed < longest:
            return f"raise the context limit: up to {longest} tokens are possible"
        if needed < own:
            return f"free memory: the model itself could hold {own} tokens"
        return f"use another model: this one holds {own} tokens at most"

    # ---- for the engine

    def occupy(self, request: Request) -> None:
        """Take the one place for a request. Raises BusyError while another holds it."""
        with self._lock:
            if not self.idle:
                raise BusyError("This session is still replying; stop that reply first.")
            self._request = request
            self.last_used = time.monotonic()

    def begin(self, prompt_ids: list[int], reusable: int) -> int:
        """Cut the cache to the longest prefix it shares with ``prompt_ids``; returns how many tokens are reused.

        They are ``reusable`` at most: what follows is computed, because its logits are needed.
        """
        cache = self.cache
        shared = common_prefix(self._token_ids[: cache.length], prompt_ids[:reusable])
        cache.truncate(shared)
        self._hashes.cut(shared)
        self._token_ids = list(prompt_ids)
        return shared

    @property
    def held(self) -> Held:
        """What the cache in memory holds; the hashes are kept by the engine's thread, which alone may ask."""
        held = self._token_ids[: self.cache.length]
        return Held(held, self._hashes.of(held))

    @property
    def evicted(self) -> EvictedCache | None:
        """The cache that is not in memory, or on its way out of it."""
        return self._evicted

    def fits(self, other: TokenSequence) -> bool:
        """Tell whether both caches have keys and values of the same kind."""
        return self.model is other.model and self._cache.dtype == other.cache.dtype

    def adopt(self, other: "Session", length: int) -> None:
        """Go on from the first ``length`` tokens that another session's cache holds, which are this one's too."""
        with other._lock:
            self._cache = other._cache.fork(length)

    def pending(self, count: int) -> list[int]:
        """The next ``count`` tokens that are not in the cache."""
        return self._token_ids[self.cache.length : self.cache.length + count]

    @property
    def idle(self) -> bool:
        return self._request is None or self._request.done

    def evict(self, directory: Path | None) -> None:
        """Give an idle cache's memory back: to a file in ``directory``, or without one, to be computed again."""
        with self._lock:
            if not self.idle:
                return
            held, self._cache = self._cache, self.model.new_cache(self._cache.dtype)
            if directory is None or not held.length or self._closed:
                return
            file = directory / f"evicted-{os.getpid()}-{id(self):x}.safetensors"
            self._evicted = EvictedCache(held, list(self._token_ids), file)
            self._engine.writer.write(self._evicted)

    def forget(self) -> None:
        """Begin with an empty cache: after something went wrong, what the old one holds is not to be relied on."""
        with self._lock:
            self._cache = self.model.new_cache(self._cache.dtype)

    def save(self, file: Path) -> bool:
        """Write the cache to ``file``, for `KVCache.load`; tells whether there was one to write.

        Not while a reply is under way, nor once the cache is evicted. A reply may begin while the file is written.
        Raises CacheError if the file cannot be written.
        """
        with self._lock:
            if not self.idle or self._evicted is not None or not self._cache.length:
                return False
            held, token_ids = self._cache.fork(), list(self._token_ids)
        held.save(file, token_ids)
        return True

    def append(self, token_id: int) -> None:
        self._token_ids.append(token_id)

    def cut_drafts(self) -> None:
        """Cut the cache to what the model has read of the token ids: behind it are drafts that did not come true."""
        self.cache.truncate(min(self.cache.length, len(self._token_ids) - 1))

    def take_back(self, count: int) -> None:
        """Drop the last ``count`` tokens; ``cut_drafts`` then cuts what the cache holds of them."""
        del self._token_ids[-count:]
        self._hashes.cut(len(self._token_ids))


def _are_ids(piece: Any, vocab_size: int) -> bool:
    whole = isinstance(piece, list | tuple) and all(isinstance(id_, int | np.integer) for id_ in piece)
    return whole and all(0 <= id_ < vocab_size for id_ in piece)
