"""Mistral: Llama with one sliding window for all layers, or none, and without biases."""

from inference.checkpoint.config import ConfigReader
from inference.checkpoint.families.base import LAYER_TENSORS, TOP_TENSORS, Family

# What a config that does not name the window means by it; null means none.
DEFAULT_WINDOW = 4096


def _windows(reader: ConfigReader, layers: int) -> tuple[int | None, ...]:
    if "sliding_window" in reader.values and "sliding_window" not in reader:
        return (None,) * layers
    return (reader.integer("sliding_window", 1, 2**28, default=DEFAULT_WINDOW),) * layers


MISTRAL = Family(
    model_type="mistral",
    architecture="MistralForCausalLM",
    windows=_windows,
    has_biases=False,
    top_tensors=TOP_TENSORS,
    layer_tensors=LAYER_TENSORS,
)
