"""ModelConfig, to which every family's ``config.json`` is normalized, and a reader that refuses what is not sound."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from inference.errors import CheckpointError, UnsupportedModelError

MISSING = object()


@dataclass(frozen=True)
class RopeParameters:
    """Rotary position embedding (RoFormer, arXiv 2104.09864) and how its frequencies are stretched.

    ``rope_type`` is ``default``, ``linear`` (positions divided by ``factor``) or ``llama3`` (low frequencies divided by
    ``factor``, high ones kept, a smooth step between the two). Only the first ``partial_rotary_factor`` of a head's
    dimensions are rotated.
    """

    rope_theta: float
    rope_type: str = "default"
    factor: float = 1.0
    low_freq_factor: float = 1.0
    high_freq_factor: float = 4.0
    original_max_position_embeddings: int = 0
    partial_rotary_factor: float = 1.0


@dataclass(frozen=True)
class Experts:
    """A mixture of experts in place of one MLP: a router chooses ``per_token`` of ``count`` for each token.

    ``intermediate_size``: of each expert. ``normalize``: the weights of the chosen ones are scaled to a sum of one.
    """

    count: int
    per_token: int
    intermediate_size: int
    normalize: bool


@dataclass(frozen=True)
class LayerSpec:
    """The computation of one layer.

    Args:
        attention_scale: Multiplies queries; usually 1 / sqrt(head_dim).
        rope: Index in ``ModelConfig.ropes``; None means no rotary embedding.
        window: How many positions a token sees, itself included; None means all.
        attention_softcap: Bounds attention scores: cap * tanh(score / cap).
        qkv_bias: Queries, keys and values have biases.
        output_bias: The attention's output has a bias.
        mlp_bias: The matrices of the MLP have biases.
        qk_norm: RMSNorm of queries and keys before rope, of each head or over the whole projection.
        pre_norms: RMSNorm before attention and before the MLP.
        post_norms: RMSNorm after attention and after the MLP, before what they return is added.
        activation: Of the gate: SiLU, or the tanh approximation of GELU.
        residual_multiplier: Multiplies what attention and MLP return before it is added.
        experts: In place of the MLP; None means a plain one.
    """

    attention_scale: float
    rope: int | None = 0
    window: int | None = None
    attention_softcap: float | None = None
    qkv_bias: bool = False
    output_bias: bool = False
    mlp_bias: bool = False
    qk_norm: Literal["head", "projection"] | None = None
    pre_norms: bool = True
    post_norms: bool = False
    activation: Literal["silu", "gelu_tanh"] = "silu"
    residual_multiplier: float = 1.0
    experts: Experts | None = None


@dataclass(frozen=True)
class ModelConfig:
    """The shape of a transformer, whatever its family. Names follow Hugging Face; every field is checked.

    Args:
        layers: What each layer computes.
        ropes: Rotary embeddings that layers refer to.
        tie_word_embeddings: None if ``config.json`` does not say; the tensors decide.
        embedding_multiplier: Multiplies embeddings.
        logits_multiplier: Multiplies logits.
        logits_softcap: Bounds logits: cap * tanh(logit / cap).
        norm_offset: Added to the weights of every RMSNorm when they are loaded.
    """

    model_type: str
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    max_position_embeddings: int
    rms_norm_eps: float
    layers: tuple[LayerSpec, ...]
    ropes: tuple[RopeParameters, ...]
    tie_word_embeddings: bool | None
    bos_token_id: int | None
    eos_token_ids: tuple[int, ...]
    embedding_multiplier: float = 1.0
    logits_multiplier: float = 1.0
    logits_softcap: float | None = None
    norm_offset: float = 0.0

    @property
    def num_hidden_layers(self) -> int:
        """Number of layers."""
        return len(self.layers)

    def in_every_layer(self, **changes: Any) -> "ModelConfig":
        """Return a copy with these fields of LayerSpec changed in all layers."""
        return replace(self, layers=tuple(replace(layer, **changes) for layer in self.layers))


class ConfigReader:
    """Typed, bounded access to a JSON object; each complaint names the file, the key and the value found."""

    def __init__(self, values: Mapping[str, Any], source: Path) -> None:
        self.values = values
        self.source = source

    def __contains__(self, key: str) -> bool:
        return self.values.get(key) is not None

    def refuse(self, key: str, found: Any, wanted: str) -> CheckpointError:
        return CheckpointError(f"{self.source}: {key} is {_shorten(found)}, but {wanted} is needed.")

    def _get(self, key: str, default: Any) -> Any:
        value = self.values.get(key)
        if value is not None:
            return value
        if default is MISSING:
            raise CheckpointError(f"{self.source}: the key {key} is missing; is this the model's own config.json?")
        return default

    def integer(self, key: str, low: int, high: int, default: Any = MISSING) -> int:
        value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.refuse(key, value, f"a whole number from {low} to {high}")
        return value

    def number(self, key: str, low: float, high: float, default: Any = MISSING) -> float:
        value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self.refuse(key, value, f"a number from {low:g} to {high:g}")
        return float(value)

    def boolean(self, key: str, default: Any = MISSING) -> bool:
        value = self._get(key, default)
        if not isinstance(value, bool):
            raise self.refuse(key, value, "true or false")
        return value

    def text(self, key: str, default: Any = MISSING) -> str:
        value = self._get(key, default)
        if not isinstance(value, str):
            raise self.refuse(key, value, "a string")
        return value

    def section(self, key: str) -> "ConfigReader":
        value = self._get(key, MISSING)
        if not isinstance(value, dict):
            raise self.refuse(key, value, "an object")
        return ConfigReader(value, self.source)

    def token_ids(self, key: str, vocab_size: int) -> tuple[int, ...]:
        """A token id, a list of them, or null."""
        value = self.values.get(key)
        ids = value if isinstance(value, list) else [] if value is None else [value]
        for token_id in ids:
            if isinstance(token_id, bool) or not isinstance(token_id, int) or not 0 <= token_id < vocab_size:
                raise self.refuse(key, value, f"a token id below {vocab_size}, or a list of them,")
        return tuple(ids)


def read_rope(reader: ConfigReader) -> RopeParameters:
    """Both spellings: ``rope_theta`` with ``rope_scaling`` beside it, or ``rope_parameters`` around both.

    Raises CheckpointError if no theta is given (none is assumed) or if the two spellings disagree, and
    UnsupportedModelError for a ``rope_type`` that this engine does not know.
    """
    nested = reader.section("rope_parameters") if "rope_parameters" in reader else None
    scaling = nested or (
        reader.section("rope_scaling") if "rope_scaling" in reader else ConfigReader({}, reader.source)
    )
    thetas = {r.number("rope_theta", 1, 1e12) for r in (reader, nested) if r is not None and "rope_theta" in r}
    if len(thetas) != 1:
        found = "no rope_theta" if not thetas else "two different values of rope_theta"
        raise CheckpointError(f"{reader.source}: there are {found}; write the one that the model was trained with.")
    (theta,) = thetas
    rope_type = scaling.text("rope_type", scaling.text("type", "default"))
    if scaling.number("partial_rotary_factor", 0, 1, reader.number("partial_rotary_factor", 0, 1, 1.0)) != 1:
        raise UnsupportedModelError(f"{reader.source}: a partial rotary embedding is not supported.")
    if rope_type == "default":
        return RopeParameters(theta)
    if rope_type == "linear":
        return RopeParameters(theta, rope_type, factor=scaling.number("factor", 1, 1e6))
    if rope_type == "llama3":
        low, high = scaling.number("low_freq_factor", 1e-6, 1e6), scaling.number("high_freq_factor", 1e-6, 1e6)
        if not low < high:
            raise scaling.refuse("high_freq_factor", high, f"more than low_freq_factor ({low:g})")
        original = scaling.integer("original_max_position_embeddings", 1, 2**31)
        return RopeParameters(theta, rope_type, scaling.number("factor", 1, 1e6), low, high, original)
    raise UnsupportedModelError(f"{reader.source}: rope type {_shorten(rope_type)} is not supported.")


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
