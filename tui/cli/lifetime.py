"""The app from its first screen to whatever end: quit, a signal, a terminal that is gone, a mistake of its own.

Whichever it is, what is to be saved is saved and the terminal is as it was before.
"""

import asyncio
import signal
import sys
import threading
from types import FrameType
from typing import Any

from tui.app import LlmTui
from tui.config.settings import Settings
from tui.process.asyncio_internals import failure
from tui.process.termination import Ended, catch, ending_signals
from tui.storage.error_log import noted, write_down
from tui.storage.errors import StoreError

GRACE = 10.0  # seconds that an orderly end may take


class Overdue(SystemExit):
    """Not to be waited for any longer; a SystemExit, because event loops let no other exception through."""


class Lifetime:
    """``number``: the signal that ended the app, if one did."""

    def __init__(self, app: LlmTui) -> None:
        self._app = app
        self.number = 0
        self._over = False

    def signalled(self, number: int, frame: FrameType | None) -> None:
        """The app ends in its own time, but when that is over it is interrupted wherever it may be."""
        if number == signal.SIGALRM and (self.number or self._over):
            raise Overdue
        if not self.number:
            self.number = number
            signal.setitimer(signal.ITIMER_REAL, GRACE)
            self._app.end()

    async def live(self) -> None:
        """Errors outside the app's own messages are written down too, instead of printed over the screen."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._failed)
        loop.set_task_factory(self._begun)
        try:
            await self._app.run_async()
        finally:
            self._over = True
            signal.setitimer(signal.ITIMER_REAL, GRACE)  # for threads that do not end
            self.number = self.number or (signal.SIGHUP if self._app.terminal_gone else 0)

    def _failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What the loop calls itself hands on keys, signals and frames: without it the app would only seem to live."""
        error = context.get("exception")
        if error is not None and "handle" in context:
            self._app.mistaken(error)
        elif error is not None:
            write_down(error)

    def _begun(self, loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> "asyncio.Task[Any]":
        """Textual hears of an Exception in its tasks, but not of what Rust libraries raise when they panic."""
        task = asyncio.Task(coroutine, loop=loop, **options)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: "asyncio.Task[Any]") -> None:
        error = failure(task)
        if error is not None and not isinstance(error, Exception):
            self._app.mistaken(error)


def run_app(settings: Settings) -> None:
    """Run the application until it ends.

    Raises SettingsError or StoreError where it cannot begin, StoreError where something could not be saved to the end,
    Ended where a signal ended it or the terminal is gone, and what else went wrong.
    """
    threading.excepthook = lambda args: args.exc_value and write_down(args.exc_value)
    sys.unraisablehook = lambda args: args.exc_value and write_down(args.exc_value)
    app = LlmTui(settings)
    lifetime = Lifetime(app)
    catch(ending_signals(), lifetime.signalled)
    try:
        asyncio.run(lifetime.live())
    except Overdue:
        pass  # what does not end is left behind
    finally:
        for step in (app.finish, app.restore_terminal):
            with noted():
                step()
    if app.mistake is not None:
        raise app.mistake
    if app.services.sessions.store.unsaved:
        raise StoreError(f"Not everything was saved. {app.services.sessions.store.trouble}")
    if lifetime.number:
        raise Ended(lifetime.number)
