"""The private parts of asyncio that the program uses."""

import asyncio
from typing import Any


def has_ready_callbacks(loop: asyncio.AbstractEventLoop) -> bool:
    """True if the loop has something to do at once."""
    return bool(loop._ready)  # type: ignore[attr-defined]


def failure(task: "asyncio.Task[Any]") -> BaseException | None:
    """What a task that is done has raised; asyncio still reports it if nobody else asks for it."""
    return None if task.cancelled() else task._exception
