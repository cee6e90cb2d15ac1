"""asyncio.to_thread with safe exceptions."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

# The group of workers that read or write a file for the user.
FILES = "files"

P = ParamSpec("P")
T = TypeVar("T")


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
