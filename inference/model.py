"""Loads a model directory: transformer, tokenizer and chat template."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.checkpoint.checkpoint import Checkpoint, open_checkpoint
from inference.checkpoint.config import ModelConfig
from inference.checkpoint.generation_config import faults
from inference.checkpoint.weight_cache import Shelf
from inference.errors import CheckpointError, ParameterError, TemplateError, UnsupportedModelError
from inference.kernels.backend import Backend, choose_backend
from inference.kernels.reference import Floats
from inference.system.memory import available_memory
from inference.text.template import ChatTemplate
from inference.text.tokenizer import Tokenizer, token_text
from inference.text.turn_markers import NO_MARKERS
from inference.transformer.builder import build, require_supported
from inference.transformer.kv_cache import KVCache
from inference.transformer.memory_plan import (
    CACHE_PRECISIONS,
    EXACT_BELOW,
    PRECISIONS,
    MemoryPlan,
    cache_dtype,
    plan_memory,
)
from inference.transformer.transformer import Batch, Counters, Progress, Transformer


@dataclass(frozen=True)
class ModelInfo:
    """Metadata from a checkpoint's headers.

    ``context``: the model's own; how much of it fits, and in what precision, is in ``plan``. ``stored``: precision of
    the weights on disk.
    """

    path: Path
    family: str
    parameters: int
    context: int
    size_on_disk: int
    plan: MemoryPlan
    has_chat_template: bool
    stored: str

    @property
    def memory(self) -> dict[str, int]:
        """Bytes needed per precision, with a KV cache of the full context."""
        return {name: need.at(self.context) for name, need in self.plan.needs.items()}


class Model:
    """A transformer with its tokenizer and chat template. Not thread-safe: one caller of ``forward`` at a time.

    ``precision`` and ``backend`` are the ones in use, never ``auto``. ``context``: tokens that a conversation may take
    unless its session says otherwise. ``longest_context``: those for which there was memory when the model was loaded,
    up to the model's own.
    """

    def __init__(
        self,
        path: Path,
        transformer: Transformer,
        precision: str,
        backend: Backend,
        tokenizer: Tokenizer,
        chat_template: ChatTemplate | str,
        generation_config: Mapping[str, Any],
        eos_token_ids: frozenset[int],
        cache_dtype: npt.DTypeLike,
        context: int,
        longest_context: int,
        warnings: Sequence[str] = (),
    ) -> None:
        """``chat_template`` is a sentence that says why if there is none.

        ``generation_config``: the model's own sampling defaults, as in the file. ``warnings``: sentences to show the
        user about how the model was loaded.
        """
        self.path = path
        self.config = transformer.config
        self.precision = precision
        self.backend = backend
        self.tokenizer = tokenizer
        self.chat_template = chat_template if isinstance(chat_template, ChatTemplate) else None
        self.no_chat = "" if isinstance(chat_template, ChatTemplate) else chat_template
        self.generation_config = generation_config
        self.eos_token_ids = eos_token_ids
        self.context = context
        self.longest_context = longest_context
        self.warnings = tuple(warnings)
        self._transformer = transformer
        self._cache_dtype = cache_dtype

    @classmethod
    def load(
        cls,
        path: str | Path,
        precision: str = "auto",
        threads: int | None = None,
        progress: Progress | None = None,
        cache_limit: int | None = None,
        cache_precision: str = "auto",
        backend: str = "auto",
        chat: bool = False,
        context: int | None = None,
        at_once: bool = False,
    ) -> "Model":
        """Load a Hugging Face model directory.

        ``precision``: precision of the weights, ``auto`` or one of PRECISIONS; the arithmetic is float32.
        ``threads``: compute threads (None: as many as there are usable cores, fewer for a small model).
        ``progress(done, total, what)`` is called with bytes of weights and may raise to cancel.
        ``cache_limit``: disk bytes for the packed int8 and int4 weights of all models (None: see Shelf; 0: save none).
        ``cache_precision``: precision of the KV cache, ``auto`` (see ``new_cache``) or one of CACHE_PRECISIONS.
        ``backend``: ``numpy``, the readable reference; ``jit``, kernels compiled for this CPU, which need numba; or
        ``auto``, which is ``jit`` if numba is installed and the environment does not say ``LLM_TUI_KERNELS=numpy``.
        Models of both backends can be in use in one process; a KV cache belongs to one backend.
        ``context``: limit of a conversation in tokens; None is the longest that fits the memory, up to the model's own.
        Less than was asked for is a warning.

        ``at_once``: if kernels have to be compiled, let the numpy reference compute, in the same caches, until
        ``prepare`` is through.

        ``chat``: refuse a model that cannot chat. Without it, a missing or broken chat template only prevents chats:
        ``no_chat`` says what is wrong.
        Raises CheckpointError, UnsupportedModelError, ParameterError or, before any weight is read, MemoryLimitError
        and TemplateError.
        """
        if threads is not None and threads < 1:
            raise ParameterError(f"Invalid threads {threads} (must be at least 1).")
        if context is not None and context < 1:
            raise ParameterError(f"Invalid context {context} (must be at least 1).")
        chosen = choose_backend(backend)
        checkpoint = open_checkpoint(path)
        config, weights = checkpoint.config, checkpoint.weights
        require_supported(config)
        if precision not in ("auto", *PRECISIONS):
            raise UnsupportedModelError(
                f"The precision {precision!r} is not available; choose auto, {', '.join(PRECISIONS)}."
            )
        if cache_precision not in ("auto", *CACHE_PRECISIONS):
            raise UnsupportedModelError(
                f"The cache precision {cache_precision!r} is not available; choose auto, {', '.join(CACHE_PRECISIONS)}."
            )
        kept_exact = precision == "auto" and weights.parameters < EXACT_BELOW
        plan, available = plan_memory(weights, config, chosen, cache_precision), available_memory()
        precision = plan.choose(precision, available, context)
        granted = plan.granted(precision, available, context)
        ends = _end_ids(checkpoint.generation_config, config)
        template = _chat_template(checkpoint)
        if chat and isinstance(template, str):
            raise TemplateError(template)
        markers = template.turn_markers if isinstance(template, ChatTemplate) else NO_MARKERS
        tokenizer = Tokenizer.load(checkpoint, ends, markers, config.vocab_size)
        eos = tokenizer.token_id(token_text(checkpoint.tokenizer_config.get("eos_token")) or "")
        shelf = Shelf(cache_limit)
        progress = progress or (lambda done, total, what: None)
        transformer = build(checkpoint, precision, chosen, threads, progress, shelf)
        ends |= {end for end in (eos, tokenizer.first_control(markers.after_reply)) if end is not None}
        model = cls(
            checkpoint.path,
            transformer,
            precision,
            chosen,
            tokenizer,
            template,
            checkpoint.generation_config,
            ends,
            cache_dtype(cache_precision, precision, kept_exact),
            granted,
            plan.longest(precision, available),
            [
                *config.notes,
                *checkpoint.warnings,
                *_recommendation_warnings(checkpoint),
                *shelf.warnings,
                *_shortened(granted, context or 0, config.max_position_embeddings),
            ],
        )
        if at_once:
            transformer.begin_at_once(model.new_cache())
        return model

    @staticmethod
    def inspect(path: str | Path, cache_precision: str = "auto") -> ModelInfo:
        """Read a checkpoint's headers without its weights. Raises the errors of ``load``."""
        checkpoint = open_checkpoint(path)
        config, weights = checkpoint.config, checkpoint.weights
        require_supported(config)
        return ModelInfo(
            path=checkpoint.path,
            family=config.model_type,
            parameters=weights.parameters,
            context=config.max_position_embeddings,
            size_on_disk=checkpoint.size_on_disk,
            plan=plan_memory(weights, config, choose_backend(), cache_precision),
            has_chat_template=checkpoint.chat_template is not None,
            stored=weights.precision,
        )

    def prepare(self, progress: Progress | None = None) -> None:
        """Compile the kernels, or read them from numba's cache; otherwise the first ``forward`` does.

        ``progress(done, total, what)`` is called with the number of compiled kernels and may raise to cancel.
        """
        self._transformer.prepare(self.new_cache(), progress or (lambda done, total, what: None))

    @property
    def ready(self) -> bool:
        """False while kernels are being compiled and numpy computes instead; see ``load``."""
        return self._transformer.ready

    @property
    def counters(self) -> Counters:
        """``counters.rows``: token positions computed so far."""
        return self._transformer.counters

    @property
    def fingerprint(self) -> str:
        """Identifies weights, precision and backend: a KV cache is valid for one fingerprint."""
        return self._transformer.fingerprint

    @property
    def samplable(self) -> int:
        """Number of ids that may be sampled: those of the tokenizer, if the embedding has more rows."""
        return min(self.config.vocab_size, self.tokenizer.vocab_size)

    def new_cache(self, dtype: npt.DTypeLike | None = None) -> KVCache:
        """Return an empty KV cache; ``dtype`` defaults to the ``cache_precision`` given to ``load``.

        There ``auto`` is float32 for a float32 model and for a small one that ``auto`` keeps exact, else float16.
        """
        return KVCache(self.config, dtype or self._cache_dtype, self.fingerprint, self._transformer.tiled)

    def forward(self, token_ids: Sequence[int], cache: KVCache, last_only: bool = False) -> Floats:
        """Append ``token_ids`` to ``cache`` and return their logits, float32 [len(token_ids) or 1, vocab_size]."""
        return self.forward_batch([(token_ids, cache)], last_only)[0]

    def forward_batch(
        self,
        batch: Batch,
        last_only: bool | Sequence[bool] = False,
        check_cancelled: Callable[[], None] = lambda: None,
    ) -> list[Floats]:
        """Run ``forward`` for several sequences in one pass over the weights; see Transformer.forward_batch."""
        return self._transformer.forward_batch(batch, last_only, check_cancelled)

    def attention_weights(
        self,
        token_ids: Sequence[int],
        cache: KVCache | None = None,
        progress: Callable[[int, int], None] = lambda done, steps: None,
    ) -> Floats:
        """How much each head of each layer looks at each position while the last of ``token_ids`` is read.

        Returns [layers, heads, positions], float32; each row sums to one (arXiv 1706.03762, the softmax of its
        equation 1). The numpy reference computes it, whatever the backend; from any thread. ``cache``, if given, holds
        what comes first of the ids, and not the last of them; what is missing is computed and stays in it.
        ``progress(steps done, all)`` may raise to end it. Raises InferenceError for no ids or unknown ones.
        """
        cache = self.new_cache(np.float32) if cache is None else cache
        return self._transformer.attention_weights(token_ids, cache, progress)


def _chat_template(checkpoint: Checkpoint) -> ChatTemplate | str:
    """Return the chat template, or a sentence that says why there is none."""
    try:
        template = ChatTemplate.load(checkpoint)
        if template is not None:  # found out here, so that nobody has to wait for it later
            _ = template.switches, template.thought_tags
    except (CheckpointError, TemplateError) as error:
        return f"{error} {checkpoint.path.name} can continue a story, but not chat."
    return template or f"{checkpoint.path.name} has no chat template: it can continue a story, but not chat."


def _recommendation_warnings(checkpoint: Checkpoint) -> list[str]:
    """Return sentences about recommended sampling parameters that are out of bounds."""
    found = faults(checkpoint.generation_config).values()
    return [f"{checkpoint.path.name} recommends a value that is ignored. {sentence}" for sentence in found]


def _shortened(context: int, wanted: int, own: int) -> list[str]:
    """Return a warning if the context is less than ``wanted``. ``own``: the most that the model can have."""
    if context >= wanted:
        return []
    if context < own:
        return [f"The context is limited to {context} tokens: {min(wanted, own)} do not fit the memory."]
    return [f"The context is limited to {own} tokens, all that this model can have: {wanted} were asked for."]


def _end_ids(generation_config: Mapping[str, Any], config: ModelConfig) -> frozenset[int]:
    """Collect the end-of-sequence ids of ``config.json`` and ``generation_config.json``."""
    given = generation_config.get("eos_token_id")
    ids = given if isinstance(given, list) else [given]
    return frozenset(config.eos_token_ids) | {i for i in ids if isinstance(i, int) and 0 <= i < config.vocab_size}
