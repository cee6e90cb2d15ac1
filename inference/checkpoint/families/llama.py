"""Llama (TinyLlama, Llama 3, SmolLM2, MiniMind): full attention in every layer, biases by choice."""

from inference.checkpoint.families.base import LAYER_TENSORS, TOP_TENSORS, Family

LLAMA = Family(
    model_type="llama",
    architecture="LlamaForCausalLM",
    windows=lambda reader, layers: (None,) * layers,
    has_biases=True,
    top_tensors=TOP_TENSORS,
    layer_tensors=LAYER_TENSORS,
)
