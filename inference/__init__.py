"""Language models on the CPU, in this process: load one, then chat, complete, go back and branch.

    from inference import Engine, Model, SamplingParams, Token

    model = Model.load("path/to/model")
    with Engine(model) as engine:
        session = engine.new_session()
        for event in session.reply([{"role": "user", "content": "Hello"}], SamplingParams(temperature=0)):
            if isinstance(event, Token):
                print(event.text, end="", flush=True)

This module is the public face; nothing else here is meant for other programs. A name is imported when it is asked for:
to import the package costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inference.checkpoint.config import ModelConfig
    from inference.encoder import Encoder
    from inference.errors import (
        BusyError,
        CacheError,
        CheckpointError,
        ContextOverflowError,
        InferenceError,
        MemoryLimitError,
        ParameterError,
        TemplateError,
        UnsupportedModelError,
    )
    from inference.model import Model, ModelInfo
    from inference.runtime.attention_weights import AttentionWeights
    from inference.runtime.engine import Engine
    from inference.runtime.events import Event, Failed, Finished, Prefill, Queued, Scored, Started, Stats, Token
    from inference.runtime.generation import Generation
    from inference.runtime.sampling_params import SamplingParams
    from inference.runtime.scoring import Scoring
    from inference.runtime.session import Session
    from inference.system.memory import available_memory
    from inference.text.detokenizer import rewritten, stand_for, text_after, texts_of, tokens_within
    from inference.text.template import ChatTemplate
    from inference.text.tokenizer import Tokenizer
    from inference.transformer.kv_cache import KVCache
    from inference.transformer.memory_plan import PRECISIONS, MemoryPlan

_NAMES = {
    "checkpoint.config": ("ModelConfig",),
    "encoder": ("Encoder",),
    "errors": (
        "BusyError",
        "CacheError",
        "CheckpointError",
        "ContextOverflowError",
        "InferenceError",
        "MemoryLimitError",
        "ParameterError",
        "TemplateError",
        "UnsupportedModelError",
    ),
    "model": ("Model", "ModelInfo"),
    "runtime.attention_weights": ("AttentionWeights",),
    "runtime.engine": ("Engine",),
    "runtime.events": ("Event", "Failed", "Finished", "Prefill", "Queued", "Scored", "Started", "Stats", "Token"),
    "runtime.generation": ("Generation",),
    "runtime.sampling_params": ("SamplingParams",),
    "runtime.scoring": ("Scoring",),
    "runtime.session": ("Session",),
    "system.memory": ("available_memory",),
    "text.detokenizer": ("rewritten", "stand_for", "text_after", "texts_of", "tokens_within"),
    "text.template": ("ChatTemplate",),
    "text.tokenizer": ("Tokenizer",),
    "transformer.kv_cache": ("KVCache",),
    "transformer.memory_plan": ("PRECISIONS", "MemoryPlan"),
}
_HOMES = {name: f"inference.{module}" for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


__all__ = [
    "PRECISIONS",
    "AttentionWeights",
    "BusyError",
    "CacheError",
    "ChatTemplate",
    "CheckpointError",
    "ContextOverflowError",
    "Encoder",
    "Engine",
    "Event",
    "Failed",
    "Finished",
    "Generation",
    "InferenceError",
    "KVCache",
    "MemoryLimitError",
    "MemoryPlan",
    "Model",
    "ModelConfig",
    "ModelInfo",
    "ParameterError",
    "Prefill",
    "Queued",
    "SamplingParams",
    "Scored",
    "Scoring",
    "Session",
    "Started",
    "Stats",
    "TemplateError",
    "Token",
    "Tokenizer",
    "UnsupportedModelError",
    "available_memory",
    "rewritten",
    "stand_for",
    "text_after",
    "texts_of",
    "tokens_within",
]
