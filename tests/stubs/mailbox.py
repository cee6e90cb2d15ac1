"""What services need of an app: it keeps what is posted, and its timers go when a test says so."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from textual.message import Message


@dataclass
class Timer:
    callback: Callable[[], object]
    running: bool = True

    def stop(self) -> None:
        self.running = False


@dataclass
class Mailbox:
    messages: list[Message] = field(default_factory=list)
    timers: list[Timer] = field(default_factory=list)
    workers: list[asyncio.Task[object]] = field(default_factory=list)
    pushed: list[tuple[object, Callable[[Any], None]]] = field(default_factory=list)
    notified: list[str] = field(default_factory=list)
    front: object = None
    left: bool = False

    def post_message(self, message: Message) -> bool:
        self.messages.append(message)
        return True

    def set_interval(self, interval: float, callback: Callable[[], object]) -> Timer:
        self.timers.append(Timer(callback))
        return self.timers[-1]

    def run_worker(self, work: Coroutine[object, object, object], group: str = "default") -> None:
        self.workers.append(asyncio.ensure_future(work))

    async def join(self) -> None:
        """Wait for what was begun with ``run_worker``."""
        while self.workers:
            await self.workers.pop()

    def taken(self) -> list[Message]:
        """What was posted since this was asked last."""
        taken, self.messages = self.messages, []
        return taken

    def push_screen(self, screen: object, callback: Callable[[Any], None] = lambda result: None) -> None:
        """``pushed`` has the screen, and what to call with its result."""
        self.pushed.append((screen, callback))

    async def push_screen_wait(self, screen: object) -> Any:
        """As ``push_screen``, and returns the result."""
        result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.push_screen(screen, result.set_result)
        return await result

    def notify(self, message: str, **options: object) -> None:
        self.notified.append(message)

    def exit(self) -> None:
        self.left = True

    def tick(self) -> None:
        """Let every timer that runs go once."""
        for timer in [timer for timer in self.timers if timer.running]:
            timer.callback()
