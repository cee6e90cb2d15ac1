"""The sizes in suggested.toml follow from the shapes of the models: nobody has to download them to see that."""

import math
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from gguf.constants import GGML_QUANT_SIZES
from gguf.constants import GGMLQuantizationType as Kind

from inference import ChatTemplate
from inference.checkpoint.families import FAMILIES, parse_config
from inference.checkpoint.gguf_weights import FOUR_BITS
from inference.checkpoint.weights import Shape, expected_tensors
from inference.kernels.layout import INT4_MINIMUMS, Packing
from inference.sources.suggested import suggestions
from inference.transformer.memory_plan import plan_memory
from tests.inference.test_memory_plan import SHAPES, TIED, shape

# Their configs by alias, and what the file has beside the tensors that are computed with: Qwen's has its tied output
# matrix a second time.
MODELS: dict[str, tuple[dict[str, Any], int]] = {
    "smollm2": (SHAPES["SmolLM2 135M"], 0),
    "smollm2-360m": (SHAPES["SmolLM2 360M"], 0),
    "qwen2.5-0.5b": (shape("qwen2", 896, 4864, 24, (14, 2), 151936, 32768, 1e6, **TIED), 151936 * 896 * 34 // 32),
    "llama3.2-1b": (SHAPES["Llama 3.2 1B"], 0),
    "smollm2-1.7b": (SHAPES["SmolLM2 1.7B"] | TIED, 0),
    "smollm3": (SHAPES["SmolLM3 3B"], 0),
    "qwen3-4b": (SHAPES["Qwen3 4B"], 0),
    "qwen3-8b": (shape("qwen3", 4096, 12288, 36, (32, 8), 151936, 40960, 1e6, head_dim=128), 0),
}


class Tensor(NamedTuple):
    """Metadata of a tensor."""

    kind: Kind
    shape: Shape
    nbytes: int


class DescribedWeights:
    """The weights of a GGUF file that is not here."""

    files = ()
    precision: str

    def __init__(self, config: dict[str, Any], quantization: str) -> None:
        family, self.config = parse_config(config, Path("config.json"), FAMILIES)
        self.tied = bool(config["tie_word_embeddings"])
        self._tensors = {}
        for name, _, size in expected_tensors(family, self.config, family.top_tensors, self.tied):
            kind = Kind.F32 if len(size) == 1 else kind_of(name, quantization, self.tied, len(self.config.layers))
            group, group_bytes = GGML_QUANT_SIZES[kind]
            self._tensors[name] = Tensor(kind, size, math.prod(size) // group * group_bytes)
        self.precision = "int8" if quantization == "Q8_0" else "int4"
        self.parameters = sum(math.prod(tensor.shape) for tensor in self._tensors.values())
        self.nbytes = sum(tensor.nbytes for tensor in self._tensors.values())

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def __iter__(self) -> Any:
        return iter(self._tensors)

    def info(self, name: str) -> Tensor:
        return self._tensors[name]

    def packing(self, name: str) -> Packing | None:
        return INT4_MINIMUMS if self._tensors[name].kind in FOUR_BITS else None

    def array(self, name: str) -> Any:
        raise NotImplementedError(name)


def kind_of(name: str, quantization: str, tied: bool, layers: int) -> Kind:
    """Q4_K_M has more bits for the output matrix and, in half of the layers, for the values and the last of the MLP."""
    if name == "lm_head" or (name == "embed_tokens" and tied):
        return Kind.Q6_K if quantization == "Q4_K_M" else Kind.Q8_0
    if quantization != "Q4_K_M":
        return Kind[quantization]
    if name.endswith(("v_proj", "down_proj")):
        layer, eighth = int(name.split(".")[1]), layers // 8
        if layer < eighth or layer >= 7 * layers // 8 or (layer - eighth) % 3 == 2:
            return Kind.Q6_K
    return Kind.Q4_K


@pytest.mark.parametrize("suggestion", suggestions(), ids=lambda suggestion: suggestion.alias)
def test_sizes_and_memory_follow_from_the_shapes(suggestion):
    config, more = MODELS[suggestion.alias]
    weights = DescribedWeights(config, suggestion.name.selector)
    assert suggestion.family == config["model_type"]
    assert suggestion.context == config["max_position_embeddings"]
    assert suggestion.parameters == weights.parameters
    # The rest of the file is the tokenizer.
    assert 0 < suggestion.size - weights.nbytes - more < 14_000_000
    need = plan_memory(weights, weights.config, "jit", "auto").needs[weights.precision]
    context = 8192 if suggestion.alias == "smollm2" else 4096
    assert need.at(context) <= suggestion.memory < 1.1 * need.at(context)


def test_the_chat_template_of_smollm2_adds_no_system_prompt():
    template = ChatTemplate(suggestions()[0].chat_template)
    asked = [{"role": "user", "content": "Hi"}]
    rest = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    assert template.render(asked) == rest
    system = {"role": "system", "content": "Be brief."}
    assert template.render([system, *asked]) == f"<|im_start|>system\nBe brief.<|im_end|>\n{rest}"
