"""Runs the app until it quits, is signalled, loses its terminal or fails.

In every case sessions are saved and the terminal is restored.
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

GRACE = 10.0  # seconds for an orderly shutdown


class Overdue(SystemExit):
    """The shutdown took too long; a SystemExit, because event loops propagate no other exception."""


class Lifetime:
    """``number``: the signal that ended the app, if one did."""

    def __init__(self, app: LlmTui, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self.number = 0
        self._hung_up = False
        self._over = False

    def signalled(self, number: int, frame: FrameType | None) -> None:
        """Start an orderly shutdown; after GRACE seconds the alarm interrupts it.

        A hang-up may have replies to finish first, which takes as long as it takes; any other signal cuts that short.
        """
        if number == signal.SIGALRM and (self.number or self._over):
            raise Overdue
        if number == signal.SIGHUP and self._settings.finish_replies:
            self._hung_up = True
            self._app.hang_up()
            return
        if not self.number:
            self.number = number
            signal.setitimer(signal.ITIMER_REAL, GRACE)
            self._app.end()

    async def live(self) -> None:
        """Run the app; errors outside its message handlers are logged instead of printed over the screen."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._failed)
        loop.set_task_factory(self._begun)
        try:
            await self._app.run_async(mouse=self._settings.mouse)
        finally:
            self._over = True
            signal.setitimer(signal.ITIMER_REAL, GRACE)  # in case threads do not end
            self.number = self.number or (signal.SIGHUP if self._hung_up or self._app.terminal_gone else 0)

    def thread_failed(self, args: threading.ExceptHookArgs) -> None:
        """An error in a thread is logged; without the one that writes to the terminal the app ends."""
        if args.exc_value is not None and not self._app.writer_failed(args.thread, args.exc_value):
            write_down(args.exc_value)

    def _failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A failed callback (keys, signals, frames) ends the app; other errors are logged."""
        error = context.get("exception")
        if error is not None and "handle" in context:
            self._app.mistaken(error)
        elif error is not None:
            write_down(error)

    def _begun(self, loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> "asyncio.Task[Any]":
        """Also report BaseExceptions (panics of Rust libraries), which Textual ignores in its tasks."""
        task = asyncio.Task(coroutine, loop=loop, **options)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: "asyncio.Task[Any]") -> None:
        error = failure(task)
        if error is not None and not isinstance(error, Exception):
            self._app.mistaken(error)


def run_app(settings: Settings) -> None:
    """Run the application until it ends.

    Raises SettingsError or StoreError if it cannot start, StoreError if something could not be saved, Ended if a signal
    or the loss of the terminal ended it, or the error that did.
    """
    sys.unraisablehook = lambda args: args.exc_value and write_down(args.exc_value)
    app = LlmTui(settings)
    lifetime = Lifetime(app, settings)
    threading.excepthook = lifetime.thread_failed
    catch(ending_signals(), lifetime.signalled)
    try:
        asyncio.run(lifetime.live())
    except Overdue:
        pass  # leave the rest behind
    finally:
        for step in (app.finish, app.restore_terminal):
            with noted():
                step()
    if app.mistake is not None:
        raise app.mistake
    if app.services.sessions.unsaved:
        raise StoreError(f"Some changes were not saved. {app.services.sessions.trouble}")
    if lifetime.number:
        raise Ended(lifetime.number)
