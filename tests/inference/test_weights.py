"""Weights behind the protocol: a model does not depend on the format that its tensors are stored in."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from inference import Model
from inference.checkpoint import checkpoint as checkpoints
from inference.checkpoint.checkpoint import open_checkpoint
from inference.checkpoint.weights import Weights


class WeightsInMemory:
    """Weights that are in no file."""

    files = ()
    precision = "float32"

    def __init__(self, weights: Weights) -> None:
        self._arrays = {name: np.array(weights.array(name)) for name in weights}
        self.tied, self.parameters, self.nbytes = weights.tied, weights.parameters, weights.nbytes

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def info(self, name: str) -> Any:
        return SimpleNamespace(shape=self._arrays[name].shape, nbytes=self._arrays[name].nbytes)

    def array(self, name: str) -> np.ndarray:
        return self._arrays[name]


def test_any_weights_make_the_same_model(tiny_model: Path, monkeypatch):
    ids = list(range(3, 40))
    for precision in ("float32", "int8"):
        model = Model.load(tiny_model, precision, backend="numpy", cache_limit=0)
        expected = model.forward(ids, model.new_cache())
        with monkeypatch.context() as patch:
            fingerprint = open_checkpoint(tiny_model).fingerprint
            weights = WeightsInMemory(open_checkpoint(tiny_model).weights)
            patch.setattr(checkpoints.HuggingFaceDirectory, "weights", weights)
            patch.setattr(checkpoints.HuggingFaceDirectory, "fingerprint", fingerprint)
            other = Model.load(tiny_model, precision, backend="numpy", cache_limit=0)
        np.testing.assert_array_equal(other.forward(ids, other.new_cache()), expected)
