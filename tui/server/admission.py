"""How many replies are computed at once, and how many requests wait for that, first come, first served."""

import asyncio
from collections import deque

from tui.server.errors import RequestError

WAIT_SECONDS = 60.0


class Place:
    """Room for the replies of one request; ``leave`` gives it back, harmless the second time."""

    def __init__(self, admission: "Admission", size: int) -> None:
        self._admission = admission
        self._size = size
        self._left = False

    def leave(self) -> None:
        """Let others in."""
        if not self._left:
            self._left = True
            self._admission.left(self._size)


class Admission:
    """At most ``most`` replies at once; of further requests, ``waiting`` wait. For one event loop.

    A request for many replies is not overtaken by one for few: it would wait for ever.
    """

    def __init__(self, most: int, waiting: int) -> None:
        self._most = most
        self._longest = waiting
        self._line: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._draining = False
        self.running = 0

    @property
    def waiting(self) -> int:
        """Requests in line."""
        return len(self._line)

    async def enter(self, size: int = 1) -> Place:
        """Wait for room for ``size`` replies. Raises RequestError if the line is full, too slow, or closed."""
        if self._draining:
            raise _shutting_down()
        if self._line or self.running + size > self._most:
            await self._wait(size)
        else:
            self.running += size
        return Place(self, size)

    async def _wait(self, size: int) -> None:
        if len(self._line) >= self._longest:
            raise RequestError(429, "too_many_requests", "Too many requests are waiting; try again later.")
        turn = asyncio.get_running_loop().create_future()
        self._line.append((size, turn))
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await turn
        except BaseException as error:
            if (size, turn) in self._line:
                self._line.remove((size, turn))
                self._admit()  # those behind it may be smaller
            elif not turn.cancelled() and turn.exception() is None:  # its turn came while it gave up
                self.left(size)
            if isinstance(error, TimeoutError):
                message = f"No reply could begin within {WAIT_SECONDS:.0f} seconds; try again later."
                raise RequestError(503, "busy", message) from None
            raise

    def left(self, size: int) -> None:
        """Called by places that are given back."""
        self.running -= size
        self._admit()

    def _admit(self) -> None:
        while self._line and self.running + self._line[0][0] <= self._most:
            size, turn = self._line.popleft()
            if not turn.done():
                self.running += size
                turn.set_result(None)

    def drain(self) -> None:
        """Refuse those in line and all that come; those inside are not disturbed."""
        self._draining = True
        while self._line:
            _, turn = self._line.popleft()
            if not turn.done():
                turn.set_exception(_shutting_down())


def _shutting_down() -> RequestError:
    return RequestError(503, "shutting_down", "The server is shutting down.")
