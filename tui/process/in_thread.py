"""Work for another thread, whatever comes of it."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(function: Callable[P, T], *args: P.args, **others: P.kwargs) -> T:
    """What ``function`` returns. What it raises comes out as an Exception, of whatever class it was.

    A future never ends with a StopIteration, and nobody who waits expects what derives from BaseException alone, as do
    the panics of libraries in Rust.
    """

    def run() -> T:
        try:
            return function(*args, **others)
        except BaseException as error:
            if isinstance(error, Exception) and not isinstance(error, StopIteration):
                raise
            raise RuntimeError(f"{type(error).__name__}: {error}") from error

    return await asyncio.to_thread(run)  # noqa: TID251  this is the one place
