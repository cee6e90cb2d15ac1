"""asyncio.to_thread with safe exceptions."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

# The group of workers that read or write a file for the user.
FILES = "files"

# Threads that come when they are needed and stay; most of them wait for the same disk.
WORKERS = 4

P = ParamSpec("P")
T = TypeVar("T")


def limit_workers() -> None:
    """Have the running event loop use so many threads; asyncio's number of them depends on the machine."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(WORKERS, "llm-tui-worker"))


async def in_thread(function: Callable[P, T], *args: P.args, **others: P.kwargs) -> T:
    """Run ``function`` in a thread. Anything that is not an ordinary Exception is wrapped in RuntimeError.

    A future cannot carry StopIteration, and callers do not expect BaseExceptions such as panics of Rust libraries.
    """

    def run() -> T:
        try:
            return function(*args, **others)
        except BaseException as error:
            if isinstance(error, Exception) and not isinstance(error, StopIteration):
                raise
            raise RuntimeError(f"{type(error).__name__}: {error}") from error

    return await asyncio.to_thread(run)  # noqa: TID251  the one permitted use
