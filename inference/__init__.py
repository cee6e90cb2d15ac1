"""Llama-family language models on the CPU, in this process: load one, then chat, complete, go back and branch.

    from inference import Engine, Model, SamplingParams, Token

    model = Model.load("path/to/model")
    with Engine(model) as engine:
        session = engine.new_session()
        for event in session.reply([{"role": "user", "content": "Hello"}], SamplingParams(temperature=0)):
            if isinstance(event, Token):
                print(event.text, end="", flush=True)

This module is the public face; nothing else here is meant for other programs.
"""

from inference.checkpoint.config import ModelConfig
from inference.checkpoint.memory import available_memory
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
from inference.model import PRECISIONS, Model, ModelInfo
from inference.runtime.engine import Engine
from inference.runtime.events import Event, Failed, Finished, Prefill, Queued, Started, Stats, Token
from inference.runtime.generation import Generation
from inference.runtime.sampling import SamplingParams
from inference.runtime.session import Session
from inference.text.detokenizer import stand_for, tokens_within
from inference.text.template import ChatTemplate
from inference.text.tokenizer import Tokenizer
from inference.transformer.cache import KVCache

__all__ = [
    "PRECISIONS",
    "BusyError",
    "CacheError",
    "ChatTemplate",
    "CheckpointError",
    "ContextOverflowError",
    "Engine",
    "Event",
    "Failed",
    "Finished",
    "Generation",
    "InferenceError",
    "KVCache",
    "MemoryLimitError",
    "Model",
    "ModelConfig",
    "ModelInfo",
    "ParameterError",
    "Prefill",
    "Queued",
    "SamplingParams",
    "Session",
    "Started",
    "Stats",
    "TemplateError",
    "Token",
    "Tokenizer",
    "UnsupportedModelError",
    "available_memory",
    "stand_for",
    "tokens_within",
]
