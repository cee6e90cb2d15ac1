"""Threads for what waits for a disk."""

import asyncio
import threading

from tui.process.in_thread import WORKERS, in_thread, limit_workers


async def test_there_are_never_more_than_a_few_threads() -> None:
    limit_workers()
    waiting, go_on = threading.Semaphore(0), threading.Event()

    def wait() -> int:
        waiting.release()
        go_on.wait(60)
        return threading.get_ident()

    tasks = [asyncio.create_task(in_thread(wait)) for _ in range(3 * WORKERS)]
    for _ in range(WORKERS):
        while not waiting.acquire(blocking=False):
            await asyncio.sleep(0.01)
    go_on.set()
    assert len(set(await asyncio.gather(*tasks))) == WORKERS
