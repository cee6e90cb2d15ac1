"""How fast the products of quantized weights are, by bits and number of tokens, under the instruction set in use.

python -m tests.bench.product_bench [--rows 5632] [--inputs 2048] [--tokens 1 8 64 256] [--threads N]

``NUMBA_CPU_FEATURES`` forces another instruction set. The best of several runs counts.
"""

import argparse
import time

import numba
import numpy as np

from inference.kernels.jit.matmul import project
from inference.kernels.jit.target import target
from inference.kernels.layout import INT4, INT8
from inference.kernels.packed_matrix import PackedMatrix
from inference.kernels.quantized_matrix import QuantizedMatrix

SECONDS = 1.0  # of measuring, per product


def seconds_of_product(matrix: PackedMatrix, x: np.ndarray) -> float:
    """Least time of a product."""
    project(matrix, x)
    best, end = np.inf, time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        start = time.perf_counter()
        project(matrix, x)
        best = min(best, time.perf_counter() - start)
    return float(best)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=5632)
    parser.add_argument("--inputs", type=int, default=2048)
    parser.add_argument("--tokens", type=int, nargs="+", default=[1, 8, 64, 256])
    parser.add_argument("--threads", type=int, default=numba.get_num_threads())
    args = parser.parse_args()
    numba.set_num_threads(args.threads)
    print(f"{target().name}, {args.threads} threads, {args.rows} x {args.inputs}")
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((args.rows, args.inputs), np.float32)
    for packing in (INT8, INT4):
        matrix = QuantizedMatrix.pack(weights, packing=packing, backend="jit")
        packed = PackedMatrix.quantized(matrix, [args.rows], [None])
        for tokens in args.tokens:
            seconds = seconds_of_product(packed, rng.standard_normal((tokens, args.inputs), np.float32))
            rate = 2e-9 * args.rows * args.inputs * tokens / seconds
            read = 1e-9 * matrix.form.nbytes / seconds
            print(f"int{packing.bits}, {tokens:3} tokens: {seconds * 1e3:7.2f} ms {rate:5.0f} GOP/s {read:5.1f} GB/s")


if __name__ == "__main__":
    main()
