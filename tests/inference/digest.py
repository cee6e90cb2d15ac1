"""Prints digests of what the compiled kernels compute, to be compared between instruction sets.

python -m tests.inference.digest product      products in int8 and in int4 with minimums: little to compile
python -m tests.inference.digest logits DIR   the logits of the model in DIR, by precision and cache type
"""

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from inference import PRECISIONS, Model
from inference.kernels.jit.target import target
from inference.kernels.layout import INT4_MINIMUMS, INT8
from inference.kernels.quantized_matrix import QuantizedMatrix
from tests.inference.products import Grouped, packed, product

CACHE_TYPES = ("float32", "float16", "int8")


def of_product() -> dict[str, str]:
    """Digests of products in int8 and in int4 with minimums, the weights packed by numpy."""
    _, plain = packed(50, 100, INT8, "numpy")
    grouped = QuantizedMatrix.pack(Grouped(50, 96), packing=INT4_MINIMUMS, backend="numpy")
    x = np.random.default_rng(1).standard_normal((23, 100)).astype(np.float32)
    return {
        "int8 product": _digest([product(plain, x, "jit")]),
        "int4 product with minimums": _digest([product(grouped, x[:, :96], "jit")]),
    }


def of_logits(directory: Path) -> dict[str, str]:
    """Digests of logits: of a prompt, of a single token, and of a batch, for each precision and cache type."""
    ids = np.random.default_rng(2).integers(3, 380, 330).tolist()
    digests = {}
    for precision in PRECISIONS:
        model = Model.load(directory, precision, cache_limit=0, backend="jit")
        for kind in CACHE_TYPES:
            cache = model.new_cache(kind)
            found = [model.forward(ids[:300], cache), model.forward(ids[300:301], cache)]
            found += model.forward_batch([(ids[301:], cache), (ids[:40], model.new_cache(kind))])
            assert all(np.isfinite(logits).all() for logits in found)
            digests[f"{precision}, {kind} cache"] = _digest(found)
    return digests


def _digest(arrays: Iterable[np.ndarray]) -> str:
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


if __name__ == "__main__":
    what, *directories = sys.argv[1:]
    print(target().name)
    for name, digest in (of_logits(Path(directories[0])) if what == "logits" else of_product()).items():
        print(f"{name}: {digest}")
