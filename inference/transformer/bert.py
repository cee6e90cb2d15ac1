"""The encoder of BERT (arXiv 1810.04805) in plain numpy: token ids to one vector per token.

Texts are not padded. The rows of all texts go through the matrix products together; in attention, where each text sees
itself alone, texts of the same length are computed together. So there is no mask, and nothing is computed for nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference.checkpoint.encoder_directory import LAYER_PARTS, EncoderDirectory
from inference.kernels import reference
from inference.kernels.reference import Floats

Projection = Callable[[Floats], Floats]
# Makes the product with a matrix [outputs, inputs] and a bias.
MakeProjection = Callable[[Floats, Floats], Projection]


@dataclass(frozen=True)
class LayerNorm:
    """(x - mean) / deviation * weight + bias (arXiv 1607.06450)."""

    weight: Floats
    bias: Floats
    eps: float

    def __call__(self, x: Floats) -> Floats:
        return reference.layer_norm(x, self.weight, self.bias, self.eps)


@dataclass(frozen=True)
class SelfAttention:
    """softmax(Q Kᵀ / sqrt(d)) V in both directions: every token sees every token of its text."""

    query: Projection
    key: Projection
    value: Projection
    output: Projection
    heads: int

    def __call__(self, x: Floats, texts: Sequence[tuple[int, int]]) -> Floats:
        """``x`` [rows, hidden]: ``texts`` are the lengths of the texts in it, each with how often it comes."""
        queries, keys, values = self.query(x), self.key(x), self.value(x)
        mixed = np.empty_like(queries)
        queries *= np.float32((queries.shape[1] // self.heads) ** -0.5)
        start = 0
        for length, count in texts:
            rows = slice(start, start + length * count)
            q, k, v = (part[rows].reshape(count, length, self.heads, -1) for part in (queries, keys, values))
            shares = reference.softmax(
                q.transpose(0, 2, 1, 3) @ k.transpose(0, 2, 3, 1)
            )  # count, heads, length, length
            heads = shares @ v.transpose(0, 2, 1, 3)  # count, heads, length, d
            mixed[rows] = heads.transpose(0, 2, 1, 3).reshape(length * count, -1)
            start = rows.stop
        return self.output(mixed)


@dataclass(frozen=True)
class EncoderBlock:
    """``x = norm(x + attention(x))``, then ``x = norm(x + down(gelu(up(x))))``."""

    attention: SelfAttention
    attention_norm: LayerNorm
    up: Projection
    down: Projection
    mlp_norm: LayerNorm

    def __call__(self, x: Floats, texts: Sequence[tuple[int, int]]) -> Floats:
        """Return ``x`` [rows, hidden] after the block; see SelfAttention for ``texts``."""
        x = self.attention_norm(x + self.attention(x, texts))
        return self.mlp_norm(x + self.down(reference.gelu(self.up(x))))


@dataclass(frozen=True)
class Bert:
    """Token, position and type embeddings, normalized, then the blocks. ``positions`` include the first type's."""

    tokens: Floats
    positions: Floats
    norm: LayerNorm
    blocks: tuple[EncoderBlock, ...]

    def __call__(
        self, ids: npt.NDArray[np.int64], texts: Sequence[tuple[int, int]], check_cancelled: Callable[[], None]
    ) -> Floats:
        """Return the vectors [rows, hidden] of ``ids`` [rows]; ``check_cancelled`` may raise between blocks."""
        positions = np.concatenate([np.tile(np.arange(length), count) for length, count in texts])
        x = self.norm(self.tokens[ids] + self.positions[positions])
        for block in self.blocks:
            check_cancelled()
            x = block(x, texts)
        return x


def load_bert(directory: EncoderDirectory, project: MakeProjection) -> Bert:
    """Read the tensors; ``project`` makes the matrix products."""
    config = directory.encoder_config
    hidden, ffn = config.hidden_size, config.intermediate_size

    def linear(prefix: str, part: str, outputs: int, inputs: int) -> Projection:
        name = f"{prefix}.{LAYER_PARTS[part]}"
        return project(
            directory.tensor(f"{name}.weight", (outputs, inputs)), directory.tensor(f"{name}.bias", (outputs,))
        )

    def norm(name: str) -> LayerNorm:
        weight, bias = (directory.tensor(f"{name}.{kind}", (hidden,)) for kind in ("weight", "bias"))
        return LayerNorm(weight, bias, config.layer_norm_eps)

    def block(prefix: str) -> EncoderBlock:
        names = ("query", "key", "value", "attention_output")
        query, key, value, output = (linear(prefix, name, hidden, hidden) for name in names)
        return EncoderBlock(
            SelfAttention(query, key, value, output, config.heads),
            norm(f"{prefix}.{LAYER_PARTS['attention_norm']}"),
            linear(prefix, "up", ffn, hidden),
            linear(prefix, "down", hidden, ffn),
            norm(f"{prefix}.{LAYER_PARTS['mlp_norm']}"),
        )

    def table(name: str, rows: int) -> Floats:
        return directory.tensor(f"embeddings.{name}_embeddings.weight", (rows, hidden))

    return Bert(
        table("word", config.vocab_size),
        table("position", config.positions) + table("token_type", config.token_types)[0],
        norm("embeddings.LayerNorm"),
        tuple(block(f"encoder.layer.{layer}") for layer in range(config.layers)),
    )
