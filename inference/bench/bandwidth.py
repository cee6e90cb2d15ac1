"""Memory read bandwidth, the upper bound of decoding: each token reads all weights once."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import threadpoolctl

# Many times the size of CPU caches.
BYTES = 256 * 2**20
PASSES = 4


def read_bandwidth(threads: int) -> float:
    """Bytes per second read by ``threads`` threads together; the best of several passes."""
    # Ones, because pages of zeros may be shared. A dot product with itself is vectorised and bound by memory.
    parts = np.array_split(np.ones(BYTES // 4, np.float32), threads)
    best = float("inf")
    with threadpoolctl.threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        for _ in range(PASSES):
            start = time.perf_counter()
            list(pool.map(lambda part: part.dot(part), parts))
            best = min(best, time.perf_counter() - start)
    return BYTES / best
