"""ModelConfig, to which every family's ``config.json`` is normalized."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from inference.checkpoint.rope import RopeParameters


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
        notes: Sentences for the user on what was assumed.
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
    notes: tuple[str, ...] = ()

    @property
    def num_hidden_layers(self) -> int:
        """Number of layers."""
        return len(self.layers)

    def in_every_layer(self, **changes: Any) -> "ModelConfig":
        """Return a copy with these fields of LayerSpec changed in all layers."""
        return replace(self, layers=tuple(replace(layer, **changes) for layer in self.layers))

    def with_layers(self, **changes: Sequence[Any]) -> "ModelConfig":
        """Return a copy with these fields of LayerSpec changed, to one value per layer."""
        rows = zip(*changes.values(), strict=True)
        changed = [
            replace(layer, **dict(zip(changes, row, strict=True))) for layer, row in zip(self.layers, rows, strict=True)
        ]
        return replace(self, layers=tuple(changed))
