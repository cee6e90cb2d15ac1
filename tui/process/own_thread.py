"""A thread for one call that may wait long, for what others do: it takes no worker from what the user waits for."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_own_thread(function: Callable[P, T], *args: P.args, **others: P.kwargs) -> T:
    """Run ``function`` in a new thread, which goes on if nobody waits any more, but does not keep the process alive."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            result = function(*args, **others)
        except BaseException as error:
            failure = error if isinstance(error, Exception) else RuntimeError(f"{type(error).__name__}: {error}")
            tell(future.set_exception, failure)
        else:
            tell(future.set_result, result)

    def tell(settle: Callable[..., None], value: object) -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(lambda: None if future.done() else settle(value))

    threading.Thread(target=run, name="llm-tui-waiting", daemon=True).start()
    return await future
