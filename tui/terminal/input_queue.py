"""Delivers keyboard and mouse input to the app sequentially.

A key triggers further messages: a text is sent, a screen opens, the focus moves. The next key is delivered when these
have been processed, so that it acts on their result.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from textual import events
from textual.app import App, ScreenStackError
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Input

from tui.process.asyncio_internals import has_ready_callbacks
from tui.terminal.key_sequences import Typed, key_for
from tui.terminal.textual_internals import binding_chain, has_callbacks, needs_layout
from tui.terminal.typed_area import TypedArea

# A key is processed after at most 80 iterations of the event loop; more are due to other work.
ROUNDS = 250
# Maximum wait for a layout or a dialog's worker, and poll interval, in seconds.
PATIENCE, LOOK = 1.0, 0.002
# Keys that depend on a dialog's results and layout; others only edit its text.
CHOOSING = frozenset(("enter", "up", "down", "pageup", "pagedown", "home", "end", "tab", "shift+tab"))
RUN = "typed"  # key name of a run of characters, without bindings


class Turns:
    """``hold`` suspends delivery while another program uses the terminal. ``done`` is called when all input has been
    processed, except for callbacks after the next refresh.
    """

    def __init__(self, app: App[object], loop: asyncio.AbstractEventLoop, done: Callable[[], None]) -> None:
        self._app = app
        self._loop = loop
        self._done = done
        self._waiting: deque[Message] = deque()
        self._busy = False
        self._held = False
        self._told = True  # done() was called
        self._rounds = 0  # loop iterations since the last delivery
        self._quiet_at = 0.0  # time since which the loop is idle
        self._patient = True
        self._typing = False  # the last one was text, whose target is the same

    def put(self, message: Message) -> None:
        """Enqueue a message (from any thread)."""
        self._loop.call_soon_threadsafe(self._add, message)

    def hold(self) -> None:
        self._held = True

    def resume(self) -> None:
        self._held = False
        self._loop.call_soon_threadsafe(self._begin)

    def _add(self, message: Message) -> None:
        last = self._waiting[-1] if self._waiting else None
        if isinstance(message, Typed) and isinstance(last, Typed):
            last.text += message.text
        elif isinstance(message, events.MouseMove) and isinstance(last, events.MouseMove):
            self._waiting[-1] = message
        else:
            self._waiting.append(message)
        self._begin()

    def _begin(self) -> None:
        if not self._busy and not self._held and self._waiting:
            self._busy, self._rounds = True, ROUNDS  # no key is being processed
            self._go_on()

    # ---- scheduling

    def _go_on(self) -> None:
        """Deliver the next message if possible, and reschedule."""
        if self._held:
            self._busy = False
            return
        first = self._waiting[0] if self._waiting else None
        quiet = self._quiet()
        ready = quiet and self._ready(first)
        if first is None and quiet and not self._told:
            self._told = True
            self._done()
        if first is None and ready:
            self._busy = False
        elif first is not None and (ready or (self._typing and isinstance(first, Typed))):
            message = self._next()
            if not self._nowhere(message):
                self._app.post_message(message.set_sender(self._app))
            self._rounds, self._told = 0, False
            self._loop.call_soon(self._go_on)
        elif quiet:
            self._loop.call_later(LOOK, self._go_on)
        else:
            self._loop.call_soon(self._go_on)

    def _quiet(self) -> bool:
        """True if the event loop is idle (waiting for timers, the terminal or threads)."""
        self._rounds += 1
        quiet = self._rounds > ROUNDS or not has_ready_callbacks(self._loop)
        if not quiet:
            self._quiet_at = time.monotonic()
        return quiet

    def _ready(self, first: Message | None) -> bool:
        """True if nothing is pending, or it takes too long. What is typed before the first screen waits for it."""
        if not (screens := self._screens) or not screens[0].is_mounted:
            return False
        pending = self._pending(first)
        if not pending:
            self._patient = True
        elif time.monotonic() - self._quiet_at > PATIENCE:
            self._patient = False
        return not (pending and self._patient)

    def _pending(self, first: Message | None) -> bool:
        """True if callbacks are pending, or, for keys that depend on it, a layout or a dialog's worker.

        What is typed depends on that worker where it has taken the focus away until it ends.
        """
        if not (screens := self._screens):
            return False
        if any(has_callbacks(screen) for screen in screens):
            return True
        if isinstance(first, Typed | events.Paste) or (isinstance(first, events.Key) and first.key not in CHOOSING):
            return self._app.focused is None and self._works(screens[-1])
        return needs_layout(self._app, screens[-1]) or self._works(screens[-1])

    def _works(self, screen: "Screen[object]") -> bool:
        return any(worker.node is screen and not worker.is_finished for worker in self._app.workers)

    @property
    def _screens(self) -> "list[Screen[object]]":
        try:
            return self._app.screen_stack
        except ScreenStackError:
            return []

    def _nowhere(self, message: Message) -> bool:
        """True for a click outside the screen, as just after a resize: it would remove the focus."""
        if not isinstance(message, events.MouseEvent) or self._app.mouse_captured is not None:
            return False
        return not self._app.size.contains(int(message.x), int(message.y))

    # ---- queue

    def _next(self) -> Message:
        message = self._waiting.popleft()
        self._typing = isinstance(message, Typed) and self._takes_runs()
        if isinstance(message, Typed):
            return self._characters(message)
        if isinstance(message, events.Key) and (character := self._escaped(message)):
            self._waiting.appendleft(Typed(character))
            return events.Key("escape", "\x1b")
        return message

    def _escaped(self, key: events.Key) -> str | None:
        """Split an unbound Alt+character into Escape and the character: terminals send the same bytes."""
        return key.character if key.key.startswith("alt+") and key.key not in self._bound() else None

    def _characters(self, message: Typed) -> events.Key:
        """The next run of insertable characters, or one character."""
        text = message.text
        count = self._run(text) if len(text) > 1 and self._typing else 1
        if rest := text[count:]:
            self._waiting.appendleft(Typed(rest))
        return key_for(text[0]) if count == 1 else events.Key(RUN, text[:count])

    def _run(self, text: str) -> int:
        bound = self._bound()
        stops = {char for char in set(text) if not char.isprintable() or key_for(char).key in bound}
        return max(1, next((index for index, char in enumerate(text) if char in stops), len(text)))

    def _takes_runs(self) -> bool:
        focused = self._app.focused if self._screens else None
        if isinstance(focused, Input):
            return focused.restrict is None and not focused.max_length and focused.type == "text"
        return isinstance(focused, TypedArea) and focused.takes_runs

    def _bound(self) -> set[str]:
        if not self._screens:
            return set()
        return {key for _, bindings in binding_chain(self._screens[-1]) for key in bindings.key_to_bindings}
