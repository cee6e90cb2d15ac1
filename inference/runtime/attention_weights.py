"""What each head looked at in one position: the softmax of its attention, for whoever shows it."""

from dataclasses import dataclass

from inference.kernels.reference import Floats


@dataclass(frozen=True)
class AttentionWeights:
    """``weights`` [layers, heads, positions], float32: shares of each head's attention, which sum to one."""

    weights: Floats

    @property
    def layers(self) -> int:
        """Number of layers."""
        return len(self.weights)

    @property
    def heads(self) -> int:
        """Number of query heads in each layer."""
        return int(self.weights.shape[1])

    def shares(self, layer: int, head: int | None) -> list[float]:
        """Of each position, first to last; without ``head`` the mean of the layer's heads."""
        chosen = self.weights[layer].mean(axis=0) if head is None else self.weights[layer, head]
        return [float(share) for share in chosen]

    def strongest(self, layer: int, head: int) -> float:
        """The largest share that one position has."""
        return float(self.weights[layer, head].max())
