"""SmolLM3: Llama with layers that have no rotary embedding, usually every fourth."""

from inference.checkpoint.config import ModelConfig
from inference.checkpoint.config_reader import ConfigReader
from inference.checkpoint.families.base import Family, with_window
from inference.checkpoint.families.llama import configure


def _configure(reader: ConfigReader, config: ModelConfig) -> ModelConfig:
    rotated = _rotated(reader, len(config.layers))
    config = configure(reader, config).with_layers(rope=[0 if rotates else None for rotates in rotated])
    if not reader.boolean("use_sliding_window", False):
        return config
    return with_window(reader, config, [not rotates for rotates in rotated])


def _rotated(reader: ConfigReader, count: int) -> list[bool]:
    """Tell which layers have a rotary embedding: despite its name, ``no_rope_layers`` has a 1 for these."""
    if "no_rope_layers" not in reader:
        interval = reader.integer("no_rope_layer_interval", 1, 1024, 4)
        return [(layer + 1) % interval != 0 for layer in range(count)]
    flags = reader.values["no_rope_layers"]
    if not isinstance(flags, list) or len(flags) != count or not all(flag in (0, 1) for flag in flags):
        raise reader.refuse("no_rope_layers", flags, f"a list of {count} times 0 or 1")
    return [bool(flag) for flag in flags]


SMOLLM3 = Family(model_type="smollm3", architecture="SmolLM3ForCausalLM", configure=_configure)
