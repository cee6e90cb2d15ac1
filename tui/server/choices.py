"""The replies of one request on their way from the engine's thread to the event loop."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType

from inference import Event, Failed, Finished, Generation, InferenceError
from tui.process.in_thread import in_thread
from tui.server.errors import RequestError, refusal

# How often one who waits looks whether the engine's thread is still there.
LOOK_SECONDS = 1.0


class Choices:
    """Submits the requests on entering; on leaving, cancels those under way.

    ``asks`` submit one request each, in a thread. ``over`` is called once, on the event loop, when the engine is
    through with all of them, however late their text is sent.
    """

    def __init__(self, asks: Sequence[Callable[[], Generation]], over: Callable[[], None]) -> None:
        self.generations: list[Generation] = []
        self._asks = asks
        self._over: Callable[[], None] | None = over
        self._left = False
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def __aenter__(self) -> "Choices":
        """Raises RequestError if the engine refuses one of them."""
        try:
            await in_thread(self._submit)
        except InferenceError as error:
            self._leave()
            raise refusal(error, submitting=True) from None
        except BaseException:
            self._leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._leave()

    async def events(self) -> AsyncIterator[tuple[int, Event]]:
        """The events with the index of their reply, as they come. Raises RequestError if one of them fails."""
        under_way = dict(enumerate(self.generations))
        while under_way:
            self._news.clear()
            for index, generation in list(under_way.items()):
                for event in generation.poll():
                    if isinstance(event, Failed):
                        raise refusal(event.error)
                    if isinstance(event, Finished):
                        del under_way[index]
                        if event.reason == "cancelled":
                            raise RequestError(503, "shutting_down", "The server is shutting down.")
                    yield index, event
            if under_way:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._news.wait()

    def _submit(self) -> None:
        """Run in a thread, which goes on if nobody waits for it any more."""
        for ask in self._asks:
            if self._left:
                return
            generation = ask()
            self.generations.append(generation)
            if self._left:  # in between: `_leave` may not have seen this one
                generation.cancel()
            generation.listen(self._told)

    def _told(self) -> None:
        """Called by the engine's thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._woken)

    def _woken(self) -> None:
        self._news.set()
        if len(self.generations) == len(self._asks) and all(generation.done for generation in self.generations):
            self._end()

    def _leave(self) -> None:
        self._left = True
        for generation in self.generations:
            generation.cancel()
        self._end()

    def _end(self) -> None:
        if self._over is not None:
            over, self._over = self._over, None
            over()
