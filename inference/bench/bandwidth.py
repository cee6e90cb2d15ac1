"""How fast this machine reads memory: the limit for decoding, which reads every weight once for each token."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import threadpoolctl

# Many times what caches hold.
BYTES = 256 * 2**20
PASSES = 4


def read_bandwidth(threads: int) -> float:
    """Bytes per second that so many threads read together, each its part of one array; the best of several passes."""
    # Not zeros, which the system would keep in one and the same page; and read by a product of each part with itself,
    # which numpy gives to vector instructions and which asks for nothing but the reading.
    parts = np.array_split(np.ones(BYTES // 4, np.float32), threads)
    best = float("inf")
    with threadpoolctl.threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        for _ in range(PASSES):
            start = time.perf_counter()
            list(pool.map(lambda part: part.dot(part), parts))
            best = min(best, time.perf_counter() - start)
    return BYTES / best
