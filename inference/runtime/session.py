"""One conversation's token ids and KV cache."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from inference.errors import BusyError, CacheError, ContextOverflowError, InferenceError, TemplateError
from inference.model import Model
from inference.runtime.generation import Generation
from inference.runtime.sampling import SamplingParams
from inference.text.template import ChatTemplate, Message
from inference.transformer.cache import KVCache

if TYPE_CHECKING:
    from inference.runtime.engine import Engine


class Session:
    """``token_ids``: what the model has read and written, of which the cache holds the first ``cache.length``.

    There is one way of going on, back or elsewhere: ask with what should be the conversation now. The longest prefix
    that the cache holds already is kept, the cache is cut there, and only the rest is computed.
    """

    def __init__(self, engine: "Engine", model: Model, cache: KVCache, token_ids: Sequence[int]) -> None:
        if cache.length > len(token_ids):
            raise CacheError(f"The cache holds {cache.length} tokens, but only {len(token_ids)} token ids were given.")
        self.model = model
        self.cache = cache
        self._engine = engine
        self._token_ids = list(token_ids)
        self._generation: Generation | None = None
        self._closed = False

    @property
    def token_ids(self) -> list[int]:
        """A copy."""
        return list(self._token_ids)

    @property
    def remaining(self) -> int:
        """Tokens that are not in the cache yet."""
        return len(self._token_ids) - self.cache.length

    def reply(
        self, messages: Sequence[Message], params: SamplingParams | None = None, continue_final_message: bool = False
    ) -> Generation:
        """Ask for the next message of a chat, or for more of the last one.

        Raises TemplateError, ContextOverflowError with both numbers (nothing is cut), or BusyError while a reply is
        under way on this session.
        """
        template = self._template()
        ids = template.encode(messages, self.model.tokenizer, not continue_final_message, continue_final_message)
        return self._submit(ids, params)

    def complete(self, text: str | Sequence[str | Sequence[int]], params: SamplingParams | None = None) -> Generation:
        """Ask for the continuation of ``text``: a string, or strings and token ids known already, in turn.

        Raises ContextOverflowError with both numbers, InferenceError for nothing at all, or BusyError.
        """
        return self._submit(self.model.tokenizer.encode_pieces([text] if isinstance(text, str) else text), params)

    def count(self, messages: Sequence[Message]) -> int:
        """How many tokens of context these messages take, with the prompt for a reply."""
        return len(self._template().encode(messages, self.model.tokenizer))

    def close(self) -> None:
        """Cancel what is under way and refuse more."""
        self._closed = True
        if self._generation is not None:
            self._generation.cancel()

    def _template(self) -> ChatTemplate:
        if self.model.chat_template is None:
            raise TemplateError(f"{self.model.path.name} has no chat template: it can continue a story, but not chat.")
        return self.model.chat_template

    def _submit(self, prompt_ids: list[int], params: SamplingParams | None) -> Generation:
        if self._closed:
            raise InferenceError("This session is closed.")
        if not prompt_ids:
            raise InferenceError("There is nothing to continue: write a few words first.")
        context = self.model.config.max_position_embeddings
        if len(prompt_ids) > context:
            raise ContextOverflowError(len(prompt_ids), context)
        return self._engine.submit(self, prompt_ids, params or SamplingParams())

    # ---- for the engine

    def occupy(self, generation: Generation) -> None:
        """Take the one place for a reply. Raises BusyError while another holds it."""
        if self._generation is not None and not self._generation.done:
            raise BusyError("This session is still replying; stop that reply first.")
        self._generation = generation

    def begin(self, prompt_ids: list[int]) -> int:
        """Cut the cache to the longest prefix it shares with ``prompt_ids``; returns how many tokens are reused.

        At least one token is left to compute, because its logits are needed.
        """
        limit = min(self.cache.length, len(prompt_ids) - 1)
        shared = next((i for i in range(limit) if self._token_ids[i] != prompt_ids[i]), limit)
        self.cache.truncate(shared)
        self._token_ids = list(prompt_ids)
        return shared

    def pending(self, count: int) -> list[int]:
        """The next ``count`` tokens that are not in the cache."""
        return self._token_ids[self.cache.length : self.cache.length + count]

    def append(self, token_id: int) -> None:
        self._token_ids.append(token_id)
