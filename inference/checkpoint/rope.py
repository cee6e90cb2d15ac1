"""Rotary position embeddings as a ``config.json`` gives them, in either spelling."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from inference.checkpoint.config_reader import ConfigReader, shorten
from inference.errors import CheckpointError, UnsupportedModelError


@dataclass(frozen=True)
class RopeParameters:
    """Rotary position embedding (RoFormer, arXiv 2104.09864) and how its frequencies are stretched.

    Args:
        rope_theta: Base of the frequencies.
        rope_type: ``default``; ``linear``: all divided by ``factor``; ``llama3`` and ``yarn`` (arXiv 2309.00071): low
            ones divided by ``factor``, high ones kept, a smooth step between the two; ``longrope`` (arXiv 2402.13753):
            each divided by a factor of its own.
        factor: Of ``linear``, ``llama3`` and ``yarn``.
        low_freq_factor: Of ``llama3``: a wave that turns less often over the original context is stretched.
        high_freq_factor: Of ``llama3``: a wave that turns more often is kept.
        original_max_position_embeddings: The context before it was extended.
        partial_rotary_factor: Only this share of a head's dimensions, the first ones, is rotated.
        beta_fast: Of ``yarn``, as ``high_freq_factor``.
        beta_slow: Of ``yarn``, as ``low_freq_factor``.
        truncate: Of ``yarn``: the step between the two begins and ends at whole dimensions.
        short_factors: Of ``longrope``, one per frequency, for a context up to the original one.
        long_factors: The same for a longer context.
        attention_factor: Multiplies cosines and sines.
    """

    rope_theta: float
    rope_type: str = "default"
    factor: float = 1.0
    low_freq_factor: float = 1.0
    high_freq_factor: float = 4.0
    original_max_position_embeddings: int = 0
    partial_rotary_factor: float = 1.0
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    truncate: bool = True
    short_factors: tuple[float, ...] = ()
    long_factors: tuple[float, ...] = ()
    attention_factor: float = 1.0

    def rotated(self, head_dim: int) -> int:
        """Return how many of a head's dimensions are rotated."""
        return int(head_dim * self.partial_rotary_factor)


def read_rope(
    reader: ConfigReader, head_dim: int, default_theta: float | None = None, layer_type: str | None = None
) -> RopeParameters:
    """Read ``rope_theta`` with ``rope_scaling`` beside it, or ``rope_parameters`` around both.

    Args:
        reader: Of ``config.json``.
        head_dim: Dimensions of a head.
        default_theta: The family's, if the config gives none; then a note says so. None: none is assumed.
        layer_type: Section of ``rope_parameters`` in a family whose layers differ.

    Raises CheckpointError if there is no theta or if spellings disagree, and UnsupportedModelError for a type that this
    engine does not know.
    """
    values = _merged(reader, layer_type)
    if "rope_theta" not in values:
        if default_theta is None:
            raise CheckpointError(
                f"{reader.source}: there is no rope_theta; write the one that the model was trained with."
            )
        reader.notes.append(f"{reader.source} gives no rope_theta; {default_theta:g} is assumed.")
        values["rope_theta"] = default_theta
    section = reader.over(values)
    rope_type = section.text("rope_type", "default")
    if rope_type == "yarn" and "short_factor" in section:
        rope_type = "longrope"  # as some Phi-3 models call it
    if rope_type not in _TYPES:
        raise UnsupportedModelError(f"{reader.source}: rope type {shorten(rope_type)} is not supported.")
    plain = RopeParameters(
        section.number("rope_theta", 1, 1e12),
        partial_rotary_factor=section.number("partial_rotary_factor", 0, 1, 1.0),
    )
    return _TYPES[rope_type](section, plain, head_dim)


def _merged(reader: ConfigReader, layer_type: str | None) -> dict[str, Any]:
    """Return all that the config says about rope; refuse two values for one key."""
    merged: dict[str, Any] = {}
    for section in _sections(reader, layer_type):
        for name, value in section.items():
            key = "rope_type" if name == "type" else name
            value = "longrope" if (key, value) == ("rope_type", "su") else value
            if value is not None and merged.setdefault(key, value) != value:
                raise CheckpointError(
                    f"{reader.source}: {key} is given as {shorten(merged[key])} and as {shorten(value)}; "
                    "keep the one that the model was trained with."
                )
    context = {"max_position_embeddings": reader.values.get("max_position_embeddings")}
    return {"original_max_position_embeddings": reader.values.get("max_position_embeddings")} | merged | context


def _sections(reader: ConfigReader, layer_type: str | None) -> Iterator[Mapping[str, Any]]:
    top = ("rope_theta", "partial_rotary_factor", "original_max_position_embeddings")
    yield {key: reader.values.get(key) for key in top}
    if "rope_scaling" in reader:
        yield reader.section("rope_scaling").values
    if "rope_parameters" not in reader:
        return
    parameters = reader.section("rope_parameters")
    nested = [key for key, value in parameters.values.items() if isinstance(value, dict)]
    if layer_type is None and not nested:
        yield parameters.values
    elif layer_type is None:
        yield from (parameters.section(key).values for key in nested)
    elif layer_type in parameters:
        yield parameters.section(layer_type).values
    elif not nested:
        raise reader.refuse("rope_parameters", parameters.values, "one section per type of layer")


def _linear(section: ConfigReader, plain: RopeParameters, head_dim: int) -> RopeParameters:
    return replace(plain, rope_type="linear", factor=section.number("factor", 1, 1e6))


def _llama3(section: ConfigReader, plain: RopeParameters, head_dim: int) -> RopeParameters:
    low, high = section.number("low_freq_factor", 1e-6, 1e6), section.number("high_freq_factor", 1e-6, 1e6)
    if not low < high:
        raise section.refuse("high_freq_factor", high, f"more than low_freq_factor ({low:g})")
    return replace(
        plain,
        rope_type="llama3",
        factor=section.number("factor", 1, 1e6),
        low_freq_factor=low,
        high_freq_factor=high,
        original_max_position_embeddings=_original(section),
    )


def _yarn(section: ConfigReader, plain: RopeParameters, head_dim: int) -> RopeParameters:
    original = _original(section)
    extended = section.integer("max_position_embeddings", 1, 2**31) / original
    factor = section.number("factor", 1, 1e6, max(1.0, extended))

    def magnitude(scale: float) -> float:
        return 0.1 * scale * math.log(factor) + 1

    attention_factor = magnitude(1.0)
    if section.values.get("mscale") and section.values.get("mscale_all_dim"):
        scales = section.number("mscale", 0, 1e3), section.number("mscale_all_dim", 0, 1e3)
        attention_factor = magnitude(scales[0]) / magnitude(scales[1])
    slow, fast = section.number("beta_slow", 1e-6, 1e6, 1.0), section.number("beta_fast", 1e-6, 1e6, 32.0)
    if not slow < fast:
        raise section.refuse("beta_fast", fast, f"more than beta_slow ({slow:g})")
    return replace(
        plain,
        rope_type="yarn",
        factor=factor,
        original_max_position_embeddings=original,
        beta_fast=fast,
        beta_slow=slow,
        truncate=section.boolean("truncate", True),
        attention_factor=section.number("attention_factor", 1e-6, 1e6, attention_factor),
    )


def _longrope(section: ConfigReader, plain: RopeParameters, head_dim: int) -> RopeParameters:
    original, count = _original(section), plain.rotated(head_dim) // 2
    extended = section.integer("max_position_embeddings", 1, 2**31) / original
    factor = section.number("factor", 1e-6, 1e6, extended)
    attention_factor = math.sqrt(1 + math.log(factor) / math.log(original)) if factor > 1 and original > 1 else 1.0
    return replace(
        plain,
        rope_type="longrope",
        original_max_position_embeddings=original,
        short_factors=section.numbers("short_factor", count, 1e-6, 1e6),
        long_factors=section.numbers("long_factor", count, 1e-6, 1e6),
        attention_factor=section.number("attention_factor", 1e-6, 1e6, attention_factor),
    )


def _original(section: ConfigReader) -> int:
    return section.integer("original_max_position_embeddings", 1, 2**31)


# ``dynamic`` changes the frequencies of contexts longer than max_position_embeddings only, and such are never computed.
_TYPES: dict[str, Callable[[ConfigReader, RopeParameters, int], RopeParameters]] = {
    "default": lambda section, plain, head_dim: plain,
    "dynamic": lambda section, plain, head_dim: plain,
    "linear": _linear,
    "llama3": _llama3,
    "yarn": _yarn,
    "longrope": _longrope,
}
