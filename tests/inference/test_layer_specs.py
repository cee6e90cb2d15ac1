"""What a LayerSpec can say, in both transformers, against the formulas written out in float64.

Each case is a family as a file of ``families/`` would declare it: how its config and its tensor names become ours.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from inference import Model, ModelConfig, UnsupportedModelError
from inference.checkpoint import checkpoint
from inference.checkpoint.config import Experts, LayerSpec
from inference.checkpoint.families.base import EXPERT_TENSORS, LAYER_TENSORS, TOP_TENSORS, Family
from inference.checkpoint.rope import RopeParameters
from inference.checkpoint.weights import layer_shapes
from tests.tiny_model import CONFIG, make_tokenizer

LAYERS, HEADS, KV_HEADS, HEAD_DIM, HIDDEN, FFN, LENGTH = 4, 4, 2, 10, 48, 72, 37
EXTRA_TENSORS = {
    "query_norm": "model.layers.{layer}.self_attn.q_norm.weight",
    "key_norm": "model.layers.{layer}.self_attn.k_norm.weight",
    "post_attention_norm": "model.layers.{layer}.post_attention_norm.weight",
    "post_mlp_norm": "model.layers.{layer}.post_mlp_norm.weight",
}
STACKED = {
    **dict.fromkeys(("q_proj", "k_proj", "v_proj"), "model.layers.{layer}.self_attn.qkv_proj.weight"),
    **dict.fromkeys(("gate_proj", "up_proj"), "model.layers.{layer}.mlp.gate_up_proj.weight"),
}


@dataclass(frozen=True)
class Case:
    """``every``: fields of all layers; ``some``: of the layers by number; ``top``: of ModelConfig."""

    every: dict[str, Any]
    some: dict[int, dict[str, Any]] | None = None
    top: dict[str, Any] | None = None
    stacked: bool = False

    def configure(self, reader: object, config: ModelConfig) -> ModelConfig:
        layers = [replace(layer, **self.every) for layer in config.layers]
        for index, changes in (self.some or {}).items():
            layers[index] = replace(layers[index], **changes)
        return replace(config, layers=tuple(layers), **(self.top or {}))


CASES = {
    "qwen2": Case({"qkv_bias": True}, {2: {"window": 9}, 3: {"window": 9}}),
    "qwen3": Case({"qk_norm": "head"}),
    "smollm3": Case({}, {1: {"rope": None}, 3: {"rope": None}}),
    "gemma2": Case(
        {"post_norms": True, "activation": "gelu_tanh", "attention_scale": 0.2, "attention_softcap": 1.5},
        {0: {"window": 8}, 2: {"window": 8}},
        {"norm_offset": 1.0, "embedding_multiplier": math.sqrt(HIDDEN), "logits_softcap": 2.0},
    ),
    "gemma3": Case(
        {"post_norms": True, "activation": "gelu_tanh", "qk_norm": "head", "window": 5, "rope": 1},
        {3: {"window": None, "rope": 0}},
        {
            "norm_offset": 1.0,
            "ropes": (RopeParameters(1e6, "linear", factor=8.0), RopeParameters(1e4)),
            "embedding_multiplier": math.sqrt(HIDDEN),
        },
    ),
    "olmo2": Case({"pre_norms": False, "post_norms": True, "qk_norm": "projection"}),
    "granite": Case(
        {"residual_multiplier": 0.22, "attention_scale": 0.125, "mlp_bias": True},
        top={"embedding_multiplier": 12.0, "logits_multiplier": 1 / 8},
    ),
    "qwen3_moe": Case({"qk_norm": "head", "experts": Experts(6, 2, 40, False)}, {1: {"experts": None}}),
    "mixtral": Case({"experts": Experts(5, 3, 40, True), "activation": "gelu_tanh"}),
    "phi3": Case({}, top={"ropes": (RopeParameters(1e4, partial_rotary_factor=0.6),)}, stacked=True),
}


def family(case: Case) -> Family:
    tensors = LAYER_TENSORS | EXTRA_TENSORS | EXPERT_TENSORS | (STACKED if case.stacked else {})
    return Family("strange", "StrangeForCausalLM", case.configure, TOP_TENSORS, tensors)


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Case], tuple[Path, dict[str, np.ndarray]]]:
    """Write a checkpoint of a case; return its directory and its weights by canonical name."""

    def make(case: Case) -> tuple[Path, dict[str, np.ndarray]]:
        strange = family(case)
        monkeypatch.setitem(checkpoint.FAMILIES, "strange", strange)
        directory = tmp_path / "model"
        directory.mkdir()
        tokenizer = make_tokenizer()
        tokenizer.save(str(directory / "tokenizer.json"))
        sizes = {"hidden_size": HIDDEN, "intermediate_size": FFN, "head_dim": HEAD_DIM, "num_hidden_layers": LAYERS}
        config = CONFIG | sizes | {"model_type": "strange", "architectures": ["StrangeForCausalLM"]}
        config |= {"vocab_size": tokenizer.get_vocab_size(), "tie_word_embeddings": False}
        (directory / "config.json").write_text(json.dumps(config))
        whole = checkpoint.HuggingFaceDirectory(directory).config
        rng = np.random.default_rng(0)
        vocabulary = (whole.vocab_size, HIDDEN)
        weights = {"embed_tokens": vocabulary, "lm_head": vocabulary, "norm": (HIDDEN,)}
        for index, layer in enumerate(whole.layers):
            weights |= {f"layers.{index}.{name}": shape for name, shape in layer_shapes(whole, layer).items()}
        drawn = {name: random_tensor(rng, shape, whole.norm_offset) for name, shape in weights.items()}
        save_file(stored(drawn, strange), directory / "model.safetensors")
        return directory, drawn

    return make


def random_tensor(rng: np.random.Generator, shape: tuple[int, ...], norm_offset: float) -> np.ndarray:
    values = rng.standard_normal(shape, np.float32)
    return values / np.float32(math.sqrt(shape[1])) if len(shape) == 2 else 0.2 * values + np.float32(1 - norm_offset)


def stored(weights: dict[str, np.ndarray], family: Family) -> dict[str, np.ndarray]:
    """The tensors under the names that they have in the checkpoint, stacked where several have one name."""
    parts: dict[str, list[np.ndarray]] = {}
    for name, array in weights.items():
        index, part = name.removeprefix("layers.").split(".", 1) if name.startswith("layers.") else ("", name)
        part, bias = part.removesuffix(".bias"), part.endswith(".bias")
        expert = part.split(".")[1] if part.startswith("experts.") else ""
        pattern = family.layer_tensors.get(part.replace(f".{expert}.", ".")) or family.top_tensors[part]
        stored_name = pattern.format(layer=index, expert=expert)
        parts.setdefault(stored_name.removesuffix("weight") + "bias" if bias else stored_name, []).append(array)
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}


# ---- the formulas


def rms(x: np.ndarray, weight: np.ndarray, config: ModelConfig) -> np.ndarray:
    return x / np.sqrt(np.square(x).mean(-1, keepdims=True) + config.rms_norm_eps) * (weight + config.norm_offset)


def rotated(x: np.ndarray, rope: RopeParameters) -> np.ndarray:
    """``x`` [heads, positions, head_dim]."""
    size = int(x.shape[-1] * rope.partial_rotary_factor)
    angles = np.arange(x.shape[1])[:, None] / rope.factor * rope.rope_theta ** (-np.arange(0, size, 2) / size)
    first, second, rest = x[..., : size // 2], x[..., size // 2 : size], x[..., size:]
    turned = (first * np.cos(angles) - second * np.sin(angles), second * np.cos(angles) + first * np.sin(angles))
    return np.concatenate([*turned, rest], axis=-1)


def reference_logits(config: ModelConfig, weights: dict[str, np.ndarray], ids: list[int]) -> np.ndarray:
    w = {name: array.astype(np.float64) for name, array in weights.items()}
    x = w["embed_tokens"][ids] * config.embedding_multiplier
    distance = np.arange(len(ids))[:, None] - np.arange(len(ids))
    for index, layer in enumerate(config.layers):

        def part(name: str, index: int = index) -> np.ndarray:
            return w[f"layers.{index}.{name}"]

        def product(name: str, x: np.ndarray, index: int = index) -> np.ndarray:
            return x @ part(name, index).T + w.get(f"layers.{index}.{name}.bias", 0)

        def heads(name: str, norm: str, y: np.ndarray, layer: LayerSpec = layer, index: int = index) -> np.ndarray:
            projected = product(name, y, index)
            if layer.qk_norm == "projection" and norm:
                projected = rms(projected, part(norm, index), config)
            split = projected.reshape(len(ids), -1, HEAD_DIM).swapaxes(0, 1)
            if layer.qk_norm == "head" and norm:
                split = rms(split, part(norm, index), config)
            return rotated(split, config.ropes[layer.rope]) if norm and layer.rope is not None else split

        y = rms(x, part("attention_norm"), config) if layer.pre_norms else x
        q, k, v = heads("q_proj", "query_norm", y), heads("k_proj", "key_norm", y), heads("v_proj", "", y)
        k, v = (np.repeat(kept, HEADS // KV_HEADS, axis=0) for kept in (k, v))
        scores = q @ k.swapaxes(1, 2) * layer.attention_scale
        if layer.attention_softcap is not None:
            scores = layer.attention_softcap * np.tanh(scores / layer.attention_softcap)
        hidden = (distance < 0) | (distance >= (layer.window or len(ids)))
        scores = np.where(hidden, -np.inf, scores)
        share = np.exp(scores - scores.max(-1, keepdims=True))
        y = (share / share.sum(-1, keepdims=True) @ v).swapaxes(0, 1).reshape(len(ids), -1)
        y = product("o_proj", y)
        y = rms(y, part("post_attention_norm"), config) if layer.post_norms else y
        x = x + layer.residual_multiplier * y
        y = rms(x, part("mlp_norm"), config) if layer.pre_norms else x

        def mlp(prefix: str, y: np.ndarray, layer: LayerSpec = layer, product: Callable[..., Any] = product) -> Any:
            gate = product(f"{prefix}gate_proj", y)
            if layer.activation == "silu":
                gate = gate / (1 + np.exp(-gate))
            else:
                gate = 0.5 * gate * (1 + np.tanh(math.sqrt(2 / math.pi) * (gate + 0.044715 * gate**3)))
            return product(f"{prefix}down_proj", gate * product(f"{prefix}up_proj", y))

        if layer.experts is None:
            y = mlp("", y)
        else:
            likelihood = np.exp(product("router", y))
            likelihood /= likelihood.sum(-1, keepdims=True)
            least = np.sort(likelihood)[:, -layer.experts.per_token, None]
            shares = np.where(likelihood >= least, likelihood, 0)
            shares /= shares.sum(-1, keepdims=True) if layer.experts.normalize else 1
            y = sum(shares[:, [expert]] * mlp(f"experts.{expert}.", y) for expert in range(layer.experts.count))
        y = rms(y, part("post_mlp_norm"), config) if layer.post_norms else y
        x = x + layer.residual_multiplier * y
    logits = rms(x, w["norm"], config) @ w["lm_head"].T * config.logits_multiplier
    return logits if config.logits_softcap is None else config.logits_softcap * np.tanh(logits / config.logits_softcap)


IDS = np.random.default_rng(1).integers(3, 380, LENGTH).tolist()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("backend", ["numpy", "jit"])
def test_logits_are_those_of_the_formulas(make, name, backend):
    directory, weights = make(CASES[name])
    model = Model.load(directory, backend=backend)
    expected = reference_logits(model.config, weights, IDS)
    logits = model.forward(IDS, model.new_cache())
    assert expected.std() > 0.1
    assert np.abs(logits - expected).max() < 2e-4
    plain = replace(model.config, layers=(LayerSpec(1 / math.sqrt(HEAD_DIM)),) * LAYERS, ropes=(RopeParameters(1e4),))
    if set(layer_shapes(plain, plain.layers[0])) <= set(layer_shapes(model.config, model.config.layers[0])):
        # The case is none if a plain Llama computes the same.
        assert np.abs(expected - reference_logits(plain, weights, IDS)).max() > 1e-2
    cache = model.new_cache()
    parts = [model.forward(IDS[:11], cache), *(model.forward([token], cache) for token in IDS[11:])]
    assert np.abs(np.concatenate(parts) - logits).max() <= (0 if backend == "jit" else 1e-4)


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_both_transformers_agree_in_other_precisions(make, precision):
    directory, _ = make(CASES["gemma3"])
    models = [Model.load(directory, precision, backend=backend) for backend in ("numpy", "jit")]
    one, other = (model.forward(IDS, model.new_cache(np.float32)) for model in models)
    assert np.abs(one - other).max() < (2e-4 if precision == "bfloat16" else 2e-2)


@pytest.mark.parametrize("backend", ["numpy", "jit"])
def test_what_no_transformer_computes_is_refused(make, backend):
    directory, _ = make(CASES["qwen3"])
    odd = Case({"qk_norm": "head"}, top={"ropes": (RopeParameters(1e4, partial_rotary_factor=0.5),)})
    checkpoint.FAMILIES["strange"] = family(odd)
    for call in (lambda: Model.load(directory, backend=backend), lambda: Model.inspect(directory)):
        with pytest.raises(UnsupportedModelError, match="rotary"):
            call()
