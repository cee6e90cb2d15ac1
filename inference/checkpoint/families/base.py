"""The declaration of a model family, and the parsing of ``config.json`` that all families share."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from inference.checkpoint.config import Experts, LayerSpec, ModelConfig
from inference.checkpoint.config_reader import ConfigReader, shorten
from inference.checkpoint.rope import read_rope
from inference.errors import CheckpointError, UnsupportedModelError

# Canonical tensor names to Hugging Face (Llama-style) names. Tensors of layers are needed if the LayerSpec says so.
TOP_TENSORS = {
    "embed_tokens": "model.embed_tokens.weight",
    "norm": "model.norm.weight",
    "lm_head": "lm_head.weight",
}
LAYER_TENSORS = {
    "attention_norm": "model.layers.{layer}.input_layernorm.weight",
    "mlp_norm": "model.layers.{layer}.post_attention_layernorm.weight",
} | {
    name: f"model.layers.{{layer}}.{block}.{name}.weight"
    for block, names in {
        "self_attn": ("q_proj", "k_proj", "v_proj", "o_proj"),
        "mlp": ("gate_proj", "up_proj", "down_proj"),
    }.items()
    for name in names
}
QK_NORM_TENSORS = {
    "query_norm": "model.layers.{layer}.self_attn.q_norm.weight",
    "key_norm": "model.layers.{layer}.self_attn.k_norm.weight",
}
EXPERT_TENSORS = {
    "router": "model.layers.{layer}.mlp.gate.weight",
    "experts.gate_proj": "model.layers.{layer}.mlp.experts.{expert}.gate_proj.weight",
    "experts.up_proj": "model.layers.{layer}.mlp.experts.{expert}.up_proj.weight",
    "experts.down_proj": "model.layers.{layer}.mlp.experts.{expert}.down_proj.weight",
}
# ``hidden_act`` to LayerSpec.activation.
ACTIVATIONS: dict[str, Literal["silu", "gelu_tanh"]] = {"silu": "silu", "gelu_pytorch_tanh": "gelu_tanh"}


@dataclass(frozen=True)
class Family:
    """A model family.

    Args:
        model_type: As in ``config.json``.
        architecture: As in ``config.json``.
        configure: Takes the reader of ``config.json`` and the config of a plain Llama model of that shape; returns the
            config of this family's.
        top_tensors: Canonical names of tensors outside the layers to those in a checkpoint.
        layer_tensors: The same for the tensors of a layer, with ``{layer}`` for its number and ``{expert}`` for that
            of an expert. Matrices that the checkpoint stacks in one tensor, by rows, have the same name there, in the
            order in which they are stacked.
        defaults: Values of keys that this family's configs may leave out.
        default_theta: The same for ``rope_theta``; None: none is assumed.
        rope_section: Section of ``rope_parameters`` for most layers, if the family has several.
        text_section: Key of the language model's config in that of a multimodal model.
        text_prefixes: What the names of the language model's tensors begin with in a multimodal model, and what is to
            be read in its place. Other tensors are left alone.
    """

    model_type: str
    architecture: str
    configure: Callable[[ConfigReader, ModelConfig], ModelConfig]
    top_tensors: Mapping[str, str] = field(default_factory=lambda: TOP_TENSORS)
    layer_tensors: Mapping[str, str] = field(default_factory=lambda: LAYER_TENSORS)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    default_theta: float | None = None
    rope_section: str | None = None
    text_section: str | None = None
    text_prefixes: Mapping[str, str] = field(default_factory=dict)

    def text_name(self, stored_name: str) -> str | None:
        """Return a stored tensor's name in a model of text only; None if it belongs to another part."""
        if not self.text_prefixes:
            return stored_name
        for prefix, replacement in self.text_prefixes.items():
            if stored_name.startswith(prefix):
                return replacement + stored_name.removeprefix(prefix)
        return None


def parse_config(values: Mapping[str, Any], source: Path, families: Mapping[str, Family]) -> tuple[Family, ModelConfig]:
    """Normalize the values of a ``config.json``; ``source`` is named in errors.

    Raises UnsupportedModelError, naming it, for a family, activation, rope type or quantization that this engine does
    not run, and CheckpointError for a config that is damaged or contradicts itself.
    """
    reader = ConfigReader(values, source)
    model_type = reader.text("model_type")
    family = families.get(model_type)
    if family is None:
        raise UnsupportedModelError(
            f"{source.parent}: models of type {model_type[:60]!r} are not supported; "
            f"supported are {', '.join(sorted(families))}."
        )
    architectures = reader.values.get("architectures")
    if architectures and architectures != [family.architecture]:
        raise UnsupportedModelError(
            f"{source.parent}: architecture {str(architectures)[:80]} is not supported; {family.architecture} is."
        )
    if family.text_section is not None:
        given = {key: value for key, value in values.items() if value is not None}
        reader = reader.over({**reader.section(family.text_section).values, **given})
    reader = reader.over({**family.defaults, **reader.values})
    config = family.configure(reader, _llama_config(reader, family))
    return family, replace(config, notes=tuple(reader.notes))


def with_window(reader: ConfigReader, config: ModelConfig, layers: Sequence[bool]) -> ModelConfig:
    """Give a sliding window to the layers that ``layer_types`` names, or to ``layers`` if the config has no such key.

    Without ``sliding_window`` none has one.
    """
    if "sliding_window" not in reader:
        return config
    window = reader.integer("sliding_window", 1, 2**28)
    if "layer_types" in reader:
        layers = [kind == "sliding_attention" for kind in read_layer_types(reader, len(config.layers))]
    windows = [window if slides else None for slides in layers]
    return config.with_layers(window=windows)


def read_experts(reader: ConfigReader, count_key: str, size_key: str, normalize: bool) -> Experts:
    """Read how many experts there are, how large, and how many of them a token takes."""
    count = reader.integer(count_key, 1, 4096)
    return Experts(
        count=count,
        per_token=reader.integer("num_experts_per_tok", 1, count),
        intermediate_size=reader.integer(size_key, 1, 2**20),
        normalize=normalize,
    )


def read_layer_types(reader: ConfigReader, count: int) -> list[str]:
    """Read ``layer_types``: for each layer ``full_attention`` or ``sliding_attention``."""
    types = reader.values.get("layer_types")
    if not isinstance(types, list) or len(types) != count:
        raise reader.refuse("layer_types", types, f"a list of {count} types")
    for kind in types:
        if kind not in ("full_attention", "sliding_attention"):
            raise UnsupportedModelError(f"{reader.source}: layers of type {shorten(kind)} are not supported.")
    return types


def _llama_config(reader: ConfigReader, family: Family) -> ModelConfig:
    """Read what all families have in common."""
    vocab_size = reader.integer("vocab_size", 1, 2**24)
    hidden_size = reader.integer("hidden_size", 1, 2**17)
    layers = reader.integer("num_hidden_layers", 1, 1024)
    heads = reader.integer("num_attention_heads", 1, 1024)
    kv_heads = reader.integer("num_key_value_heads", 1, 1024, default=heads)
    if heads % kv_heads:
        raise CheckpointError(
            f"{reader.source}: {heads} attention heads cannot share {kv_heads} key/value heads evenly."
        )
    if "head_dim" not in reader and hidden_size % heads:
        raise CheckpointError(f"{reader.source}: hidden_size {hidden_size} does not divide into {heads} heads.")
    head_dim = reader.integer("head_dim", 2, 4096, default=max(2, hidden_size // heads))
    if head_dim % 2:
        raise CheckpointError(f"{reader.source}: head_dim {head_dim} is odd; rotary embedding needs pairs.")
    activation = reader.text("hidden_activation", reader.text("hidden_act", "silu"))
    if activation not in ACTIVATIONS:
        raise UnsupportedModelError(
            f"{reader.source}: the activation {activation[:40]!r} is not supported; {' and '.join(ACTIVATIONS)} are."
        )
    layer = LayerSpec(attention_scale=1 / math.sqrt(head_dim), activation=ACTIVATIONS[activation])
    bos = reader.token_ids("bos_token_id", vocab_size)
    return ModelConfig(
        model_type=reader.text("model_type"),
        vocab_size=vocab_size,
        hidden_size=hidden_size,
        intermediate_size=reader.integer("intermediate_size", 1, 2**20),
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        head_dim=head_dim,
        max_position_embeddings=reader.integer("max_position_embeddings", 1, 2**28),
        rms_norm_eps=reader.number("rms_norm_eps", 1e-12, 1),
        layers=(layer,) * layers,
        ropes=(read_rope(reader, head_dim, family.default_theta, family.rope_section),),
        tie_word_embeddings=reader.boolean("tie_word_embeddings") if "tie_word_embeddings" in reader else None,
        bos_token_id=bos[0] if bos else None,
        eos_token_ids=reader.token_ids("eos_token_id", vocab_size),
    )
