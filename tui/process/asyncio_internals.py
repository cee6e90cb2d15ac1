"""Private parts of asyncio used by the program."""

import asyncio
from typing import Any


def has_ready_callbacks(loop: asyncio.AbstractEventLoop) -> bool:
    """True if the loop has callbacks ready to run."""
    return bool(loop._ready)  # type: ignore[attr-defined]


def failure(task: "asyncio.Task[Any]") -> BaseException | None:
    """The exception of a finished task, without marking it as retrieved."""
    return None if task.cancelled() else task._exception
